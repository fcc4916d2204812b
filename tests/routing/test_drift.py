"""The drift alarm fires soon when queries leave the scope, and hardly ever else."""

import numpy as np
import pytest

from edge_runtime.routing.drift import BINS, DriftAlarm

OUTSIDE = 0.15  # share of the calibration


def _scores(rng: np.random.Generator, n: int, outside: float) -> np.ndarray:
    """Return scores of a mix: in scope around 10, out of scope around 4, with much overlap."""
    is_outside = rng.random(n) < outside
    return np.where(is_outside, rng.normal(4, 2, n), rng.normal(10, 2.5, n))


def _alarm(rng: np.random.Generator, n: int = 2000) -> DriftAlarm:
    scores = _scores(rng, n, OUTSIDE)
    return DriftAlarm(np.quantile(scores, np.arange(1, BINS) / BINS).tolist())


def _first(alarm: DriftAlarm, scores: np.ndarray) -> int | None:
    return next((i for i, score in enumerate(scores) if alarm.see(float(score))), None)


@pytest.mark.parametrize("outside", [0.5, 1.0])
def test_a_shift_to_out_of_scope_is_told_within_500_queries(outside: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        alarm = _alarm(rng)
        assert _first(alarm, _scores(rng, 500, OUTSIDE)) is None
        assert _first(alarm, _scores(rng, 500, outside)) is not None


def test_without_a_shift_twenty_thousand_queries_are_quiet() -> None:
    rng = np.random.default_rng(2)
    assert [_first(_alarm(rng), _scores(rng, 20_000, OUTSIDE)) for _ in range(25)] == [None] * 25


def test_easier_queries_are_no_alarm() -> None:
    rng = np.random.default_rng(3)
    assert _first(_alarm(rng), _scores(rng, 20_000, 0.0)) is None


def test_one_shift_is_told_once_in_a_while() -> None:
    rng = np.random.default_rng(4)
    alarm = _alarm(rng)
    told = [i for i, x in enumerate(_scores(rng, 3000, 1.0)) if alarm.see(float(x))]
    assert 2 <= len(told) <= 3
    assert min(np.diff(told)) > 1000
