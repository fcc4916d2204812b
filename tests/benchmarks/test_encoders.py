from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs the extra `export`")
pytest.importorskip("torch", reason="needs the extra `export`")

from benchmarks.encoders.__main__ import main
from benchmarks.encoders.contestants import (
    CTRANSLATE,
    FORMS,
    MODEL,
    OPTIMUM,
    OURS,
    REFERENCE,
    cases,
    goals,
)
from benchmarks.encoders.results import (
    MEMORY_MARGIN_BYTES,
    agreements,
    bundle_bytes,
    memory_is_met,
)
from benchmarks.harness.alternation import Footprint, Runs
from benchmarks.harness.groups import group
from tests.export.conftest import save_model

_GROUP = group(MODEL, 1)


def _runs(peak_bytes: int) -> Runs:
    return Runs(footprints={(_GROUP, OURS): Footprint(0.1, peak_bytes, {})})


def test_every_goal_is_about_forms_and_cases_that_are_measured() -> None:
    names = {form.name for form in FORMS}
    wanted = goals(1)
    assert {goal.peer for goal in wanted} == {CTRANSLATE, OPTIMUM}
    for goal in wanted:
        assert {goal.ours, goal.peer} <= names
        assert goal.case in cases(2000)


def test_cases_are_batches_of_the_texts_and_lengths_they_name() -> None:
    for name, case in cases(2000).items():
        texts, tokens = len(case["ids"]), {len(row) for row in case["ids"]}
        assert name in {f"{max(tokens)} tokens", f"{texts} texts of {max(tokens)} tokens"}
        assert len(tokens) == 1
        assert all(1000 <= each < 2000 for row in case["ids"] for each in row)


def test_memory_is_measured_against_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "model.onnx.data").write_bytes(bytes(1000))
    size = bundle_bytes(tmp_path)
    assert size == 1000
    assert memory_is_met(_runs(MEMORY_MARGIN_BYTES + 1000), size) is True
    assert memory_is_met(_runs(MEMORY_MARGIN_BYTES + 1001), size) is False
    assert memory_is_met(Runs(), size) is None
    assert bundle_bytes(tmp_path / "nothing") is None


def test_an_agreement_is_the_least_cosine_of_all_cases() -> None:
    runs = Runs()
    runs.facts = {
        (_GROUP, REFERENCE, "one"): {"vector": [1.0, 0.0]},
        (_GROUP, REFERENCE, "two"): {"vector": [0.0, 1.0]},
        (_GROUP, OURS, "one"): {"vector": [0.8, 0.6]},
        (_GROUP, OURS, "two"): {"vector": [0.0, 1.0]},
    }
    assert {each.contestant: each.cosine for each in agreements(runs)} == {
        REFERENCE: 1.0,
        OURS: 0.8,
    }


@pytest.mark.export
def test_a_whole_run_measures_who_is_here_and_names_who_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = save_model(tmp_path / "tiny", "BertModel", max_position_embeddings=512)
    here = [OURS, OPTIMUM, "optimum dynamic int8", REFERENCE]
    main([
        "--source", str(source), "--threads", "1", "--rounds", "2", "--forms", *here, CTRANSLATE,
        "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"),
    ])  # fmt: skip
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(each["contestant"], each["reason"]) for each in document["missing"]] == [
        (CTRANSLATE, "no --ct2-python")
    ]
    measured = {(each["contestant"], each["case"]) for each in document["figures"]}
    assert measured == {(name, case) for name in here for case in cases(2000)}
    cosines = {each["contestant"]: each["cosine"] for each in document["agreements"]}
    assert cosines[OPTIMUM] > 0.9999
    assert cosines[OURS] > 0.98
    decided = {each["peer"] for each in document["goals"] if each["ratio"] is not None}
    assert decided == {OPTIMUM}
    assert document["bundle_bytes"] > 10_000
    table = (tmp_path / "out/table.md").read_text()
    assert f"| {CTRANSLATE} | missing: no --ct2-python |" in table
    assert (tmp_path / "out/plot.png").exists()
