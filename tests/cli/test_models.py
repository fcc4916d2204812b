from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.bundles.manifest import FILE_NAME, read_manifest
from edge_runtime.bundles.store import Store
from tests.bundles import tiny_onnx as tiny
from tests.bundles.hub_server import COMMIT, Hub, running_hub

CONFIG = {"architectures": ["BertForSequenceClassification"], "model_type": "bert",
          "id2label": {"0": "no", "1": "yes"}}  # fmt: skip
REPOSITORY = "someone/tiny"


class Run:
    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def error(self) -> str:
        """The one line that says what went wrong; before it there is only progress."""
        assert self.code == 1
        assert self.out == ""
        *progress, last = self.err.splitlines()
        assert not any(line.startswith("error") for line in progress)
        assert last.startswith("error: ")
        return last


EdgeRun = Callable[..., Run]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def edge_run(tmp_path: Path, state: Path) -> EdgeRun:
    def run(*arguments: str | Path, **environment: str) -> Run:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "EDGE_STATE": str(state),
               "PYTHONPATH": ":".join(sys.path), **environment}  # fmt: skip
        command = [sys.executable, "-m", "edge_runtime.cli.app", "models", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert "Traceback" not in done.stderr
        return Run(done)

    return run


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """One repository in the layout of transformers.js, in four precisions."""
    with running_hub() as hub:
        hub.repositories[REPOSITORY] = _directory(tmp_path / "repository")
        yield hub


def _directory(root: Path) -> Path:
    graph = tiny.graph(["input_ids"], ["logits"], data_file="model_q4.onnx_data")
    return tiny.write(root, CONFIG, {
        "onnx/model.onnx": tiny.ENCODER + tiny.field(6, "f" * 5000),
        "onnx/model_quantized.onnx": tiny.ENCODER + tiny.field(6, "q" * 5000),
        "onnx/model_q4.onnx": graph,
        "onnx/model_q4.onnx_data": b"\x07" * 300_000,
        "onnx/model_fp16.onnx": tiny.ENCODER,
        "tokenizer.json": {"model": {}},
        "tokenizer_config.json": {"model_max_length": 77},
        "model.safetensors": b"large",
        "README.md": b"---\nlicense: apache-2.0\n---",
    })  # fmt: skip


def _names(path: Path) -> set[str]:
    return {each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()}


@pytest.fixture
def pull(edge_run: EdgeRun, hub: Hub) -> EdgeRun:
    def run(*arguments: str, **environment: str) -> Run:
        return edge_run("pull", *arguments, HF_ENDPOINT=hub.url, **environment)

    return run


def test_pull_fetches_what_runs_and_nothing_else(pull: EdgeRun, hub: Hub, state: Path) -> None:
    done = pull(REPOSITORY)
    assert done.code == 0, done.err
    assert done.out.startswith("tiny")
    path = state / "bundles" / "tiny"
    files = {"config.json", "tokenizer.json", "tokenizer_config.json",
             "onnx/model_quantized.onnx"}  # fmt: skip
    assert _names(path) == {*files, FILE_NAME}
    assert hub.fetched == files
    assert [each.name for each in (state / "bundles").iterdir()] == ["tiny"]


def test_what_was_pulled_names_its_commit_and_promises_nothing(pull: EdgeRun, state: Path) -> None:
    assert pull(REPOSITORY).code == 0
    bundle = Store(state).open("tiny")
    manifest = bundle.manifest
    assert (manifest.source.model, manifest.source.revision) == (REPOSITORY, COMMIT)
    assert manifest.source.licence == "apache-2.0"
    assert manifest.version == COMMIT[:12]
    assert bundle.model_name.startswith("tiny@sha256:")
    assert (manifest.max_length, manifest.calibration, manifest.report) == (77, {}, {})


def test_pull_takes_the_variant_asked_for_with_its_weights(pull: EdgeRun, state: Path) -> None:
    done = pull(REPOSITORY, "--variant", "q4", "--name", "small", "--revision", COMMIT)
    assert done.code == 0, done.err
    path = state / "bundles" / "small"
    assert {"onnx/model_q4.onnx", "onnx/model_q4.onnx_data"} <= _names(path)
    assert read_manifest(path).quantization == {"graph": "q4"}


def test_a_later_change_of_what_was_pulled_is_found(
    pull: EdgeRun, edge_run: EdgeRun, state: Path
) -> None:
    assert pull(REPOSITORY).code == 0
    assert edge_run("verify", "tiny").code == 0
    graph = state / "bundles" / "tiny" / "onnx" / "model_quantized.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    assert "is not the file that the manifest describes" in edge_run("verify", "tiny").error


def test_a_cut_download_leaves_no_bundle_and_is_resumed(
    pull: EdgeRun, hub: Hub, edge_run: EdgeRun, state: Path
) -> None:
    weights = "onnx/model_q4.onnx_data"
    hub.repositories[REPOSITORY].joinpath(weights).write_bytes(os.urandom(30_000_000))
    hub.cut = {weights: 11_000_000}
    done = pull(REPOSITORY, "--variant", "q4")
    assert "kept for the next try" in done.error
    assert not (state / "bundles" / "tiny").exists()
    assert edge_run("ls").out.count("\n") == 1  # the shipped one
    hub.cut = {}
    hub.asked.clear()
    assert pull(REPOSITORY, "--variant", "q4").code == 0
    assert hub.fetched == {weights}  # the other files were there
    assert any("bytes=" in line for line in hub.asked)
    assert [each.name for each in (state / "bundles").iterdir()] == ["tiny"]


def test_a_file_that_arrives_changed_is_refused(pull: EdgeRun, hub: Hub, state: Path) -> None:
    hub.altered = {"onnx/model_quantized.onnx"}
    assert "another content" in pull(REPOSITORY).error
    assert not (state / "bundles" / "tiny").exists()
    hub.altered = set()
    assert pull(REPOSITORY).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody/nothing"], "the hub has no model 'nobody/nothing'"),
        ([REPOSITORY, "--revision", "v9"], "has no revision 'v9'"),
        ([REPOSITORY, "--variant", "q3"], "no variant 'q3'; there are fp32, fp16, q4, q8"),
        (["someone/gated"], "gated"),
        (["someone/weights"], "has no ONNX file"),
        (["someone/slow-tokenizer"], "has no tokenizer.json"),
        (["someone/masked"], "fills masks"),
        (["a/b/c"], "no id of a model"),
        ([REPOSITORY, "--name", "../x"], "no name for a bundle"),
        ([REPOSITORY, "--name", "assistant"], "a bundle 'assistant' already"),
    ],
)
def test_what_cannot_be_pulled_is_one_clear_line(
    pull: EdgeRun, hub: Hub, state: Path, arguments: list[str], says: str
) -> None:
    root = hub.repositories[REPOSITORY].parent
    tokenizer = {"tokenizer.json": b"{}"}
    hub.repositories |= {
        "someone/gated": hub.repositories[REPOSITORY],
        "someone/weights": tiny.write(root / "w", CONFIG, {**tokenizer, "model.safetensors": b""}),
        "someone/slow-tokenizer": tiny.write(root / "s", CONFIG, {"model.onnx": tiny.ENCODER}),
        "someone/masked": tiny.write(root / "m", {"architectures": ["BertForMaskedLM"]},
                                     {**tokenizer, "model.onnx": tiny.ENCODER}),
    }  # fmt: skip
    hub.gated = {"someone/gated"}
    assert says in pull(*arguments).error
    assert Store(state).open().path.name == "assistant"
    assert [path.name for path in Store(state).directories()] == ["assistant"]


def test_without_a_network_pull_says_so(edge_run: EdgeRun) -> None:
    assert "cannot be reached" in edge_run("pull", "a/b", HF_ENDPOINT="http://127.0.0.1:1").error


def test_pull_obeys_the_offline_switch(pull: EdgeRun, hub: Hub) -> None:
    assert "HF_HUB_OFFLINE" in pull(REPOSITORY, HF_HUB_OFFLINE="1").error
    assert hub.asked == []


def test_a_name_is_not_taken_twice(pull: EdgeRun, hub: Hub) -> None:
    assert pull(REPOSITORY).code == 0
    hub.asked.clear()
    assert "models rm tiny" in pull(REPOSITORY).error
    assert hub.asked == []


def test_add_copies_what_runs_and_later_changes_do_not_reach_it(
    edge_run: EdgeRun, tmp_path: Path, state: Path
) -> None:
    source = _directory(tmp_path / "mine")
    assert edge_run("add", f"{source}:q4").code == 0
    path = state / "bundles" / "mine"
    assert _names(path) == {
        "config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model_q4.onnx",
        "onnx/model_q4.onnx_data", FILE_NAME,
    }  # fmt: skip
    (source / "config.json").write_text("{}")
    assert edge_run("verify", "mine").code == 0
    assert stat.S_IMODE((path / "config.json").stat().st_mode) == 0o644


def test_add_checks_a_bundle_and_keeps_its_manifest(
    edge_run: EdgeRun, tmp_path: Path, state: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(Store(None).find("assistant"), source)
    assert edge_run("add", source, "--name", "second").code == 0
    assert (state / "bundles" / "second" / FILE_NAME).read_bytes() == (
        source / FILE_NAME
    ).read_bytes()
    (source / "config.json").write_text("{}")
    assert "config.json" in edge_run("add", source, "--name", "third").error
    assert [each.name for each in (state / "bundles").iterdir()] == ["second"]


def test_add_without_room_says_so_and_leaves_nothing(edge_run: EdgeRun, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the state should be")
    assert "cannot be written" in edge_run("add", _directory(tmp_path / "mine")).error


def test_ls_says_what_has_hashes(edge_run: EdgeRun, tmp_path: Path, state: Path) -> None:
    _directory(state / "bundles" / "loose")
    (state / "bundles" / ".pull-half").mkdir()
    shutil.copy(state / "bundles" / "loose" / "config.json", state / "bundles" / ".pull-half")
    assert edge_run("add", _directory(tmp_path / "mine")).code == 0
    rows = [json.loads(line) for line in edge_run("ls", "--json").out.splitlines()]
    assert {row["name"]: row["hashes"] for row in rows} == {
        "loose": False, "mine": True, "assistant": True
    }  # fmt: skip
    assert {row["task"] for row in rows} == {"text-classification"}
    assert "unverified" in edge_run("ls").out


def test_rm_deletes_from_the_store_only(edge_run: EdgeRun, tmp_path: Path, state: Path) -> None:
    assert edge_run("add", _directory(tmp_path / "mine")).code == 0
    assert edge_run("rm", "mine").code == 0
    assert list((state / "bundles").iterdir()) == []
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("assistant", "ships with edge-runtime"),
        ("nothing", "no bundle 'nothing'"),
        ("..", "no bundle '..'"),
        ("", "no bundle ''"),
    ],
)
def test_rm_says_what_it_cannot_remove(edge_run: EdgeRun, name: str, says: str) -> None:
    assert says in edge_run("rm", name).error


def test_rm_keeps_what_the_device_answers_with(edge_run: EdgeRun, tmp_path: Path) -> None:
    assert edge_run("add", _directory(tmp_path / "mine")).code == 0
    assert "EDGE_BUNDLE" in edge_run("rm", "mine", EDGE_BUNDLE="mine").error
    assert edge_run("show", "mine").code == 0


def test_show_takes_a_variant(edge_run: EdgeRun, tmp_path: Path) -> None:
    manifest = json.loads(edge_run("show", f"{_directory(tmp_path / 'm')}:fp16", "--json").out)
    assert manifest["graph"]["file"] == "onnx/model_fp16.onnx"


def test_show_estimates_what_a_bundle_takes(edge_run: EdgeRun) -> None:
    found = json.loads(edge_run("show", "--estimate", "--context", "64", "--json").out)
    assert found["context"] == 64
    assert found["memory_bytes"] > found["disk_bytes"]
    assert found["latency_ms"] > 0
    lines = edge_run("show", "assistant", "--estimate").out.splitlines()
    assert "memory" in lines[1]
    assert lines[2].strip().split()[1] == "ms"


def test_show_says_that_nobody_measured_a_ready_made_bundle(
    edge_run: EdgeRun, tmp_path: Path
) -> None:
    out = edge_run("show", _directory(tmp_path / "mine")).out
    assert "no report" in out
    assert "version unverified" in out
    assert "no report" not in edge_run("show").out


def test_show_tells_what_is_known_of_written_text(
    edge_run: EdgeRun, tmp_path: Path, state: Path
) -> None:
    assert edge_run("add", _directory(tmp_path / "mine")).code == 0
    assert "written" not in edge_run("show", "mine").out
    path = Store(state).find("mine") / FILE_NAME
    manifest = json.loads(path.read_bytes())
    manifest.setdefault("calibration", {})["written"] = {
        "features": [], "weights": [], "bias": 0.0, "alpha": 0.05, "delta": 0.05, "n": 400,
        "threshold": 0.91, "coverage": 0.3, "auroc": 0.71, "auroc_interval": [0.66, 0.76],
        "evaluation": "made", "max_tokens": 64, "basis": "the margins of its tokens",
    }  # fmt: skip
    path.write_text(json.dumps(manifest))
    lines = edge_run("show", "mine").out.splitlines()
    assert lines[-4:] == [
        "calibration written",
        (
            "  error <= 0.05 (certainty 0.95) from confidence 0.910, coverage 0.30; n 400, "
            "AUROC 0.710 (0.660 to 0.760)"
        ),
        "  the margins of its tokens",
        "  for answers of at most 64 tokens",
    ]
