from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
pytest.importorskip("optimum", reason="needs the extra `export`")

from benchmarks.cold_start import plain_job  # noqa: E402
from benchmarks.cold_start.__main__ import GOALS  # noqa: E402
from benchmarks.cold_start.command import Command  # noqa: E402
from benchmarks.cold_start.node import serving  # noqa: E402
from benchmarks.harness.process import ContestantError  # noqa: E402
from edge_runtime.bundles.store import Store  # noqa: E402


def _python(code: str, **environment: str) -> Command:
    return Command("python", [sys.executable, "-c", code], environment)


def test_a_command_is_timed_with_its_text_and_environment() -> None:
    code = "import os, sys; print(sys.argv[1], os.environ['WORD'])"
    measured = _python(code, WORD="there").measure({"text": "hello"})
    assert measured.facts == {"said": "hello there"}
    assert measured.timings["process"].units == 1


def test_cpu_time_is_that_of_the_process_and_not_its_waiting() -> None:
    idle = _python("import time; time.sleep(0.5); print(1)").measure({"text": ""})
    busy = _python("import time\nwhile time.process_time() < 0.5: pass\nprint(1)").measure(
        {"text": ""}
    )
    assert idle.timings["process"].wall_s > 0.5 > idle.timings["process"].cpu_s
    assert busy.timings["process"].cpu_s >= 0.5


@pytest.mark.parametrize(
    ("code", "reason"),
    [("raise ValueError('no bundle')", "ValueError: no bundle"), ("pass", "status 0")],
)
def test_a_command_that_fails_or_says_nothing_says_why(code: str, reason: str) -> None:
    with pytest.raises(ContestantError, match=f"^{reason}$"):
        _python(code).measure({"text": ""})


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ContestantError, match="does not start"):
        Command("none", [str(tmp_path / "none")]).measure({"text": ""})


def test_goals_are_shares_of_cpu_time() -> None:
    assert {(goal.quantity, goal.clock) for goal in GOALS} == {("time", "cpu")}
    assert sorted({goal.limit for goal in GOALS}) == [0.25, 0.75]


def test_a_node_that_does_not_start_says_its_last_line(tmp_path: Path) -> None:
    edge_run = tmp_path / "edge-run"
    edge_run.write_text("#!/bin/sh\necho 'error: no bundle' >&2\nexit 1\n")
    edge_run.chmod(0o755)
    with pytest.raises(OSError, match=r"no socket: error: no bundle$"), serving(edge_run, tmp_path):
        pass


def test_the_plain_job_names_the_best_label(tmp_path: Path) -> None:
    helper, kinds = onnx.helper, onnx.TensorProto
    names = ("input_ids", "attention_mask", "token_type_ids")
    logits = onnx.numpy_helper.from_array(np.array([[0.0, 2.0]], np.float32), "value")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["value"], ["logits"])],
        "g",
        [helper.make_tensor_value_info(name, kinds.INT64, [1, "tokens"]) for name in names],
        [helper.make_tensor_value_info("logits", kinds.FLOAT, [1, 2])],
        [logits],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), tmp_path / "m.onnx")
    (tmp_path / "config.json").write_text('{"id2label": {"0": "cold", "1": "warm"}}')
    tokenizer = Store(None).find("assistant") / "tokenizer.json"
    for threads in ("0", "1"):
        command = [sys.executable, plain_job.__file__, str(tmp_path / "m.onnx"), str(tokenizer)]
        done = subprocess.run(
            [*command, threads, "hello"], capture_output=True, text=True, check=True
        )
        assert done.stdout == "warm 0.88\n"
