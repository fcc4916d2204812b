"""The gate with the bundle that ships, in the process that a device would start."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundles.store import Store
from edge_runtime.errors import UpdateError
from edge_runtime.updates.contents import FORMAT, Contents, Golden, Limits
from edge_runtime.updates.gate import Candidate, HealthGate, failures
from edge_runtime.updates.gate_process import Measurement
from edge_runtime.updates.golden import Score
from edge_runtime.updates.options import UpdateOptions

SHIPPED = Store(None).find("assistant")
RIGHT = Golden("turn on the light in the kitchen", expect={"intent": "HassTurnOn"})
WRONG = Golden("turn on the light in the kitchen", expect={"intent": "HassTurnOff"})


def _contents(*golden: Golden, **limits: float) -> Contents:
    return Contents(
        format=FORMAT, files=[], chunks=[], golden=list(golden), limits=Limits(**limits)
    )


def test_a_bundle_that_answers_passes_and_its_measures_are_said() -> None:
    gate = HealthGate(UpdateOptions())
    said = gate(Candidate(SHIPPED), Candidate(SHIPPED), _contents(RIGHT))
    assert said.startswith("1 of 1 right, p95 ")
    assert said.endswith(" MB")


def test_a_bundle_that_answers_otherwise_fails() -> None:
    gate = HealthGate(UpdateOptions())
    with pytest.raises(UpdateError, match=r"0 of 1 right < 95% .*HassTurnOn"):
        gate(Candidate(SHIPPED), None, _contents(WRONG))


def test_a_bundle_that_does_not_load_fails(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(SHIPPED, broken)
    (broken / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(UpdateError, match=r"fails the health gate: .*model\.onnx"):
        HealthGate(UpdateOptions())(Candidate(broken), None, _contents())


def test_what_is_too_slow_each_time_fails() -> None:
    gate = HealthGate(UpdateOptions(max_p95_ms=0.001))
    with pytest.raises(UpdateError, match=r"p95 .* ms > 0\.0 ms"):
        gate(Candidate(SHIPPED), None, _contents())


def test_what_hangs_fails() -> None:
    gate = HealthGate(UpdateOptions(gate_timeout_s=0.01))
    with pytest.raises(UpdateError, match=r"not done after 0\.01 s"):
        gate(Candidate(SHIPPED), None, _contents())


def test_a_runtime_that_crashes_fails(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "edge_runtime").mkdir(parents=True)
    (tree / "edge_runtime" / "__init__.py").write_text("import os\nos.abort()\n")
    with pytest.raises(UpdateError, match="fails the health gate"):
        HealthGate(UpdateOptions())(Candidate(SHIPPED, tree), None, _contents())


MEASURED = Measurement("m", "1", Score(19, 20, 10.0, ["x"]), 100.0)


@pytest.mark.parametrize(
    ("found", "before", "limits", "options", "says"),
    [
        (MEASURED, None, {}, {}, []),
        (MEASURED, MEASURED, {}, {}, []),
        (MEASURED, None, {}, {"golden_share": 0.96}, ["19 of 20 right < 96% (x)"]),
        (MEASURED, None, {"p95_ms": 9.0}, {}, ["p95 10.0 ms > 9.0 ms"]),
        (MEASURED, None, {}, {"max_rss_mb": 90.0}, ["memory 100 MB > 90 MB"]),
        (MEASURED, (2.0, 100.0), {}, {}, ["p95 10.0 ms > 9.0 ms"]),
        (MEASURED, (10.0, 40.0), {}, {}, ["memory 100 MB > 96 MB"]),
    ],
)
def test_what_is_not_good_enough_is_said(
    found: Measurement,
    before: Measurement | tuple[float, float] | None,
    limits: dict[str, float],
    options: dict[str, float],
    says: list[str],
) -> None:
    if isinstance(before, tuple):
        score = msgspec.structs.replace(found.score, p95_ms=before[0])
        before = msgspec.structs.replace(found, score=score, rss_mb=before[1])
    asked = _contents(RIGHT, **limits)
    assert failures(found, before, asked, msgspec.convert(options, UpdateOptions)) == says
