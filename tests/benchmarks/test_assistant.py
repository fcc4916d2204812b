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
from benchmarks.assistant.labelled import expected_calibration_error, ranking
from benchmarks.assistant.tagged import _f2
from edge_runtime.routing.calibration import auroc

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
    assert _f2(pairs).of(np.ones(2)) == pytest.approx(0.5)


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


def test_what_the_data_lacks_is_skipped_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(3)  # noqa: S311 - the same texts each time
    verbs, things = ["turn on", "switch off", "dim"], ["lamp", "fan", "heater", "radio"]
    (tmp_path / "clinc150").mkdir()
    rows = [f"smart_home\t{rng.choice(verbs)} the {rng.choice(things)} {i}" for i in range(30)]
    rows += [f"oos\twhy is the number {i} odd" for i in range(10)]
    for split in ("train", "dev", "oos_train_plus"):
        (tmp_path / "clinc150" / f"{split}.tsv").write_text("intent\ttext\n" + "\n".join(rows))
    status = command.main(["--data", str(tmp_path), "--noisy", "5", "--out", str(tmp_path / "out")])
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    measured = {(each["data"], each["metric"]) for each in document["figures"]}
    assert ("CLINC150", "accuracy in scope") in measured
    assert ("all kinds of noise", "routing flips") in measured
    assert any("goemotions" in line for line in document["skipped"])
    assert status in {0, 1}
    assert "CLINC150" in capsys.readouterr().out
    assert (tmp_path / "out" / "reliability.png").stat().st_size > 1000
