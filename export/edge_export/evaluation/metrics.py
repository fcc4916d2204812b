"""Metrics over texts, with the intervals that chance allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_Z = 1.959964  # of a two-sided interval of 95 %
_RESAMPLES = 1000


@dataclass(frozen=True)
class Metric:
    """A metric over texts: ``of(weights)`` counts each text ``weights`` times, ``[texts]``.

    It is NaN where no text counts for it. ``hits`` are set for a share of texts: which ones count,
    out of those ``among``.
    """

    of: Callable[[Floats], float]
    hits: Booleans | None = None
    among: Booleans | None = None


class Score(msgspec.Struct, frozen=True):
    """A metric's value and its interval of 95 %, None where no text counts for it."""

    value: float | None
    low: float | None
    high: float | None


def share(hits: Booleans, among: Booleans | None = None) -> Metric:
    """Return the share of ``hits`` out of the texts ``among``, or out of all."""
    counted = np.ones(len(hits), dtype=bool) if among is None else among
    inside = hits & counted

    def of(weights: Floats) -> float:
        return ratio(float(weights @ inside), float(weights @ counted))

    return Metric(of, inside, counted)


def ratio(part: float, whole: float) -> float:
    """Return a quotient, NaN of nothing."""
    return float(part / whole) if whole else math.nan


def macro_f1(truth: npt.NDArray[np.int_], answers: npt.NDArray[np.int_], weights: Floats) -> float:
    """Return the mean F1 of the labels ``[texts]`` that were annotated."""
    size = int(max(truth.max(), answers.max())) + 1
    hits = np.bincount(truth, weights * (truth == answers), size)
    annotated = np.bincount(truth, weights, size)
    f1 = 2 * hits / np.maximum(annotated + np.bincount(answers, weights, size), 1)
    return float(f1[annotated > 0].mean())


def score(metric: Metric, n: int, seed: int) -> Score:
    """Return the value over ``n`` texts with its interval.

    Wilson's (1927) for a share, else that of a percentile bootstrap over texts (Efron 1979).
    """
    value = metric.of(np.ones(n))
    if math.isnan(value):
        return Score(None, None, None)
    if metric.hits is not None and metric.among is not None:
        low, high = wilson(int(metric.hits.sum()), int(metric.among.sum()))
    else:
        values = [metric.of(weights) for weights in resamples(n, seed)]
        low, high = np.nanquantile(values, [0.025, 0.975])
    return Score(rounded(value), rounded(low), rounded(high))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the interval of 95 % for a share of ``hits`` in ``n``, which is at least 1."""
    centre = (hits + _Z**2 / 2) / (n + _Z**2)
    reach = _Z / (n + _Z**2) * math.sqrt(hits * (n - hits) / n + _Z**2 / 4)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def resamples(n: int, seed: int) -> Iterator[Floats]:
    """Yield how often each of ``n`` texts is drawn in a bootstrap sample, a thousand times."""
    rng = np.random.default_rng(seed)
    for _ in range(_RESAMPLES):
        yield np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64)


def rounded(value: float) -> float:
    """Return four decimals, which is more than any data set here can tell apart."""
    return round(float(value), 4)
