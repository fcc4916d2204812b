"""Scores of entities become probabilities."""

import numpy as np

from edge_runtime.bundles.manifest import Calibration
from edge_runtime.messages import Entity
from edge_runtime.routing.confidence import score_features, sure_entities


def _calibration(weight: float, bias: float) -> Calibration:
    return Calibration(
        features=["log_odds"], weights=[weight], bias=bias, alpha=0.05, delta=0.05, n=100,
        threshold=None, coverage=0.0, auroc=None, evaluation="made",
    )  # fmt: skip


def test_a_score_that_is_too_sure_is_lowered() -> None:
    entity = Entity(0, 3, "PERSON", "Ada", 0.98)
    [sure] = sure_entities([entity], _calibration(0.5, -0.5))
    assert (sure.start, sure.end, sure.label, sure.text) == (0, 3, "PERSON", "Ada")
    assert 0.7 < sure.score < 0.9


def test_without_calibration_scores_stay() -> None:
    entity = Entity(0, 3, "PERSON", "Ada", 0.98)
    assert sure_entities([entity], None) == [entity]
    assert sure_entities([], _calibration(1, 0)) == []


def test_the_surest_scores_are_finite() -> None:
    assert np.isfinite(score_features(np.array([0.0, 1.0]))["log_odds"]).all()
