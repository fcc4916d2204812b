"""The drift alarm fires soon when queries leave the scope, and hardly ever else."""

import numpy as np
import pytest

from edge_runtime.routing.drift import LEVEL, SHARES, DriftAlarm

OUTSIDE = 0.15  # share of the calibration


def _scores(rng: np.random.Generator, n: int, outside: float) -> np.ndarray:
    """Return scores of a mix: in scope around 10, out of scope around 4, with much overlap."""
    is_outside = rng.random(n) < outside
    return np.where(is_outside, rng.normal(4, 2, n), rng.normal(10, 2.5, n))


@pytest.fixture(scope="module")
def edges() -> list[float]:
    """The edges of a calibration of any size: the shares are exact."""
    scores = _scores(np.random.default_rng(0), 1_000_000, OUTSIDE)
    return [float(edge) for edge in np.quantile(scores, SHARES)]


def _first(alarm: DriftAlarm, scores: np.ndarray) -> int | None:
    return next((i for i, score in enumerate(scores.tolist()) if alarm.see(score)), None)


@pytest.mark.parametrize("outside", [0.5, 1.0])
def test_a_shift_to_out_of_scope_is_told_within_500_queries(
    edges: list[float], outside: float
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        alarm = DriftAlarm(edges)
        assert _first(alarm, _scores(rng, 500, OUTSIDE)) is None
        assert _first(alarm, _scores(rng, 500, outside)) is not None


def test_without_a_shift_twenty_thousand_queries_are_quiet(edges: list[float]) -> None:
    rng = np.random.default_rng(2)
    quiet = [_first(DriftAlarm(edges), _scores(rng, 20_000, OUTSIDE)) for _ in range(25)]
    assert quiet == [None] * 25


def test_a_lower_level_rings_as_seldom_as_is_promised(
    edges: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound itself, at a level where false alarms can be counted: 2,000 queries at 10,000."""
    monkeypatch.setattr("edge_runtime.routing.drift.LEVEL", 10_000.0)
    rng = np.random.default_rng(5)
    rung = [_first(DriftAlarm(edges), _scores(rng, 2000, OUTSIDE)) for _ in range(200)]
    assert sum(first is not None for first in rung) <= 0.2 * 200
    monkeypatch.setattr("edge_runtime.routing.drift.LEVEL", 20.0)
    rung = [_first(DriftAlarm(edges), _scores(rng, 2000, OUTSIDE)) for _ in range(20)]
    assert None not in rung  # so the count above can fail


def test_easier_queries_are_no_alarm(edges: list[float]) -> None:
    rng = np.random.default_rng(3)
    assert _first(DriftAlarm(edges), _scores(rng, 20_000, 0.0)) is None


def test_one_shift_is_told_once_in_a_while(edges: list[float]) -> None:
    rng = np.random.default_rng(4)
    alarm = DriftAlarm(edges)
    told = [i for i, x in enumerate(_scores(rng, 3000, 1.0).tolist()) if alarm.see(x)]
    assert 2 <= len(told) <= 3
    assert min(np.diff(told)) > 1000


def test_the_alarm_says_how_far_and_since_when(edges: list[float]) -> None:
    rng = np.random.default_rng(6)
    alarm = DriftAlarm(edges)
    assert _first(alarm, _scores(rng, 300, OUTSIDE)) is None
    found = next(drift for x in _scores(rng, 500, 1.0).tolist() if (drift := alarm.see(x)))
    assert found.level >= np.log10(LEVEL) - 0.01
    assert found.since == pytest.approx(found.queries - 300, abs=60)


def test_a_calibration_too_small_for_the_lowest_edges_watches_the_others(
    edges: list[float],
) -> None:
    alarm = DriftAlarm(edges[-3:])
    assert _first(alarm, _scores(np.random.default_rng(7), 500, 1.0)) is not None


def test_an_alarm_goes_on_where_an_earlier_one_was(edges: list[float]) -> None:
    """A node that restarts every 40 queries, as one does that sees so few a day."""
    scores = _scores(np.random.default_rng(8), 3000, 0.5).tolist()
    whole = DriftAlarm(edges)
    expected = [whole.see(score) for score in scores]
    state, found = None, []
    for start in range(0, len(scores), 40):
        alarm = DriftAlarm(edges, state)
        found += [alarm.see(score) for score in scores[start : start + 40]]
        state = alarm.state
    assert found == expected
    assert any(found)


def test_a_state_of_other_edges_is_not_taken(edges: list[float]) -> None:
    alarm = DriftAlarm(edges)
    for score in _scores(np.random.default_rng(9), 100, 1.0).tolist():
        alarm.see(score)
    assert DriftAlarm(edges[-3:], alarm.state).state.queries == 0
