"""Medians with their spread, ratios of paired runs, exponents of growth: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_RESAMPLES = 4000
_INTERVAL = (2.5, 97.5)  # percent


@dataclass(frozen=True)
class Spread:
    """A median, the quartiles around it, and the median absolute deviation from it."""

    median: float
    q1: float
    q3: float
    mad: float
    count: int


@dataclass(frozen=True)
class Ratio:
    """The median of the pairs' ratios, and its 95 % interval by the percentile bootstrap."""

    median: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class Growth:
    """``y`` grows like ``x ** exponent``; ``r2`` says how well, 1 for exactly."""

    exponent: float
    r2: float


def spread(values: Sequence[float]) -> Spread:
    """Summarize values.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values to summarize")
    array = np.asarray(values, dtype=np.float64)
    q1, median, q3 = (float(each) for each in np.percentile(array, [25, 50, 75]))
    return Spread(median, q1, q3, float(np.median(np.abs(array - median))), len(array))


def paired_ratio(ours: Sequence[float], theirs: Sequence[float], *, seed: int = 0) -> Ratio:
    """Return how many times ours is theirs; the i-th values are of neighbouring runs.

    Pairing takes out what slows both runs of a pair, such as a neighbour on the machine. The pairs
    are resampled, never the runs of one side alone.

    Raises:
        ValueError: the lengths differ, there are no pairs, or a value is not positive.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} values cannot be paired with {len(theirs)}")
    pairs = np.asarray([ours, theirs], dtype=np.float64)
    if not (pairs > 0).all():
        raise ValueError("a ratio needs positive values")
    ratios = pairs[0] / pairs[1]
    chosen = np.random.default_rng(seed).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    medians = np.median(ratios[chosen], axis=1)
    low, high = (float(each) for each in np.percentile(medians, _INTERVAL))
    return Ratio(float(np.median(ratios)), low, high, len(ratios))


def growth(x: Sequence[float], y: Sequence[float]) -> Growth:
    """Fit ``log y`` against ``log x`` by least squares.

    Raises:
        ValueError: fewer than two points, or a value is not positive.
    """
    if len(x) != len(y) or len(set(x)) < 2:  # noqa: PLR2004 - a line takes two points
        raise ValueError("an exponent needs at least two different points")
    if min(*x, *y) <= 0:
        raise ValueError("an exponent needs positive values")
    log_x, log_y = np.log(np.asarray(x)), np.log(np.asarray(y))
    slope, offset = np.polyfit(log_x, log_y, 1)
    return Growth(float(slope), _r2(log_y, slope * log_x + offset))


def _r2(values: npt.NDArray[np.float64], fitted: npt.NDArray[np.float64]) -> float:
    total = float(((values - values.mean()) ** 2).sum())
    return 1.0 - float(((values - fitted) ** 2).sum()) / total if total > 0 else 1.0
