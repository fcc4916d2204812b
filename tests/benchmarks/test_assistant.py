"""The benchmark of the bundle: its measures on cases that can be told by hand."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.assistant import __main__ as command
from benchmarks.assistant.figures import plain, table
from benchmarks.assistant.home import same_slots
from benchmarks.assistant.personal import f2, personal_figures, recalled_characters
from benchmarks.assistant.sets import DataSet, Sets
from edge_export.evaluation.ranking import expected_calibration_error, ranking
from edge_export.train.examples import Example, Span
from edge_runtime.bundles.store import Store
from edge_runtime.routing.calibration import auroc
from edge_runtime.tasks.encoder import Encoder

pytestmark = pytest.mark.export


def test_confidence_that_is_kept_has_no_calibration_error() -> None:
    rng = np.random.default_rng(1)
    sure = rng.random(40_000)
    right = rng.random(40_000) < sure
    assert expected_calibration_error(sure, right) < 0.02
    assert expected_calibration_error(np.full(1000, 0.9), np.arange(1000) % 2 == 0) == (
        pytest.approx(0.4, abs=0.01)
    )


def test_ranking_is_the_auroc_also_with_ties_and_weights() -> None:
    rng = np.random.default_rng(2)
    score = rng.integers(0, 9, 300).astype(float)
    positive = rng.random(300) < score / 9
    assert ranking(score, positive).of(np.ones(300)) == pytest.approx(auroc(score, positive))
    drawn = rng.integers(0, 300, 300)
    weights = np.bincount(drawn, minlength=300).astype(float)
    assert ranking(score, positive).of(weights) == pytest.approx(
        auroc(score[drawn], positive[drawn])
    )


def test_f2_counts_spans_that_overlap_by_half() -> None:
    pairs = [({(0, 10, "PERSON")}, {(0, 6, "PERSON")}), ({(0, 4, "GPE")}, {(0, 4, "PERSON")})]
    assert f2(pairs, 0.5).of(np.ones(2)) == pytest.approx(0.5)
    assert f2(pairs, 1.0).of(np.ones(2)) == pytest.approx(0.0)


def test_recall_of_characters_takes_any_kind() -> None:
    pairs = [({(0, 10, "PERSON")}, {(0, 6, "PERSON"), (4, 8, "PLACE")})]
    assert recalled_characters(pairs, "PERSON") == (0.8, 1)


def test_a_goal_that_must_not_be_passed_is_met_below_it() -> None:
    below, above = (plain("intent", "x", "calibration error", 9, value) for value in (0.01, 0.5))
    assert (below.is_met, above.is_met) == (True, False)
    assert "<= 0.03" in table([below])
    assert "MISSED" in table([above])


def test_slots_are_equal_whole_or_not_at_all() -> None:
    assert same_slots(
        {"name": "Lamp", "brightness": 50}, {"name": ["lamp", "Lamp"], "brightness": 50}
    )
    assert not same_slots({"name": "Lamp"}, {"name": "Lamp", "brightness": 50})
    assert not same_slots({"name": "Lamp", "area": "Hall"}, {"name": "Lamp"})


@pytest.fixture(scope="module")
def shipped() -> Encoder:
    return Encoder(Store(None).open())


def test_patterns_alone_recall_what_has_a_form(shipped: Encoder) -> None:
    text = "write to ada@example.org, says Ada"
    spans = (Span(9, 24, "EMAIL_ADDRESS"), Span(31, 34, "PERSON"))
    example = Example(text, "pii", "made", spans=spans, covers=("EMAIL_ADDRESS", "PERSON"))
    data = DataSet("made", "pii", [example], shipped.encode([text]), frozenset(), [])
    found = {
        each.metric: each.score.value for each in personal_figures(data, shipped.bundle.manifest)
    }
    assert found["recall of EMAIL, patterns alone"] == 1.0
    assert found["recall of PERSON, patterns alone"] == 0.0
    assert found["F2 of exact spans, patterns alone"] == pytest.approx(5 / 9, abs=1e-4)
    assert found["exact spans of EMAIL found"] == 1.0


@pytest.mark.parametrize("split", ["dev", "other"])
def test_what_the_data_lacks_is_skipped_and_said(
    split: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(3)  # noqa: S311 - the same texts each time
    verbs, things = ["turn on", "switch off", "dim"], ["lamp", "fan", "heater", "radio"]
    (tmp_path / "clinc150").mkdir()
    rows = [f"smart_home\t{rng.choice(verbs)} the {rng.choice(things)} {i}" for i in range(30)]
    rows += [f"timer\tset a timer for {i} minutes" for i in range(30)]
    rows += [f"oos\twhy is the number {i} odd" for i in range(10)]
    for name in ("train", split, "oos_train_plus"):
        (tmp_path / "clinc150" / f"{name}.tsv").write_text("intent\ttext\n" + "\n".join(rows))
    options = ["--data", str(tmp_path), "--split", split, "--base", "assistant", "--noisy", "5"]
    status = command.main([*options, "--out", str(tmp_path / "out")])
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    measured = {(each["data"], each["metric"]): each for each in document["figures"]}
    assert ("CLINC150", "accuracy in scope") in measured
    assert measured["CLINC150", "prototypes of 5: above the base"]["score"]["value"] == 0.0
    assert measured["CLINC150", "prototypes of 20: accuracy"]["score"]["value"] > 0.9
    assert ("all kinds of noise", "routing flips") in measured
    assert measured["noise: no punctuation", "routing flips"]["n"] == 0
    assert any("goemotions" in line for line in document["skipped"])
    assert status in {0, 1}
    assert "CLINC150" in capsys.readouterr().out
    for name in ("reliability", "noise"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1000


def test_texts_that_the_bundle_has_learned_are_not_measured(
    shipped: Encoder, tmp_path: Path
) -> None:
    (tmp_path / "crossner" / "ai").mkdir(parents=True)
    for split in ("train", "dev", "other"):
        path = tmp_path / "crossner" / "ai" / f"{split}.conll"
        path.write_text("Ada B-researcher\ncame O\n")
    dev, other = Sets(shipped, tmp_path, "dev"), Sets(shipped, tmp_path, "other")
    assert dev.all() == []
    assert any("has learned crossner/ai/dev.conll" in line for line in dev.skipped)
    assert [data.name for data in other.all()] == ["CrossNER ai"]
