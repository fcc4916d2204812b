"""The promise, kept or not: a thousand calibrations drawn from a pool and judged on all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from tqdm import tqdm

from benchmarks.decision.pools import Pool
from edge_export.evaluation.metrics import Booleans, Floats, rounded, wilson
from edge_export.fitting import fit_threshold


class Promise(msgspec.Struct, frozen=True):
    """How calibrations at ``alpha`` and ``delta`` fared: ``kept`` of ``draws`` held.

    ``coverage`` is the mean share of the pool that is answered, ``error`` the mean share of wrong
    answers among these, ``none`` how many calibrations found no threshold. ``by_source`` is the
    mean selective error on each data set.
    """

    head: str
    alpha: float
    delta: float
    draws: int
    kept: int
    low: float
    high: float
    coverage: float
    error: float
    none: int
    by_source: dict[str, float]


@dataclass(frozen=True)
class _Draw:
    error: float
    coverage: float
    by_source: dict[str, float]


def promise(pool: Pool, *, alpha: float, delta: float, draws: int, seed: int) -> Promise:
    """Draw calibrations with replacement; test noise cannot be taken for failure."""
    rng = np.random.default_rng(seed)
    found = [
        _draw(pool, rng, alpha, delta) for _ in tqdm(range(draws), desc=f"{pool.name}, {alpha:g}")
    ]
    kept = sum(each.error <= alpha for each in found)
    low, high = wilson(kept, draws)
    answering = [each for each in found if each.coverage > 0]
    sources = dict.fromkeys(source for each in answering for source in each.by_source)
    return Promise(
        pool.name,
        alpha,
        delta,
        draws,
        kept,
        rounded(low),
        rounded(high),
        coverage=_mean([each.coverage for each in found]),
        error=_mean([each.error for each in answering]),
        none=len(found) - len(answering),
        by_source={
            name: _mean([e.by_source[name] for e in answering if name in e.by_source])
            for name in sources
        },
    )


def _mean(values: Sequence[float]) -> float:
    return rounded(float(np.mean(values))) if values else 0.0


def _draw(pool: Pool, rng: np.random.Generator, alpha: float, delta: float) -> _Draw:
    drawn = rng.integers(len(pool), size=len(pool))
    fit = fit_threshold(
        {name: values[drawn] for name, values in pool.features.items()},
        pool.correct[drawn],
        pool.given[drawn],
        alpha=alpha,
        delta=delta,
        seed=int(rng.integers(2**32)),
    )
    if fit.threshold.value is None:
        return _Draw(0.0, 0.0, {})
    accepted = pool.given & (fit.confidence(pool.features) >= fit.threshold.value)
    wrong = ~pool.correct[accepted]
    sources = pool.source[accepted]
    return _Draw(
        float(wrong.mean()) if len(wrong) else 0.0,
        float(accepted.mean()),
        {str(name): float(wrong[sources == name].mean()) for name in np.unique(sources)},
    )


def risk_coverage(score: Floats, correct: Booleans) -> tuple[Floats, Floats]:
    """Return coverage and selective error ``[texts]`` as the threshold falls."""
    order = np.argsort(-score, kind="stable")
    wrong = np.cumsum(~correct[order])
    count = np.arange(1, len(order) + 1)
    return count / len(order), wrong / count
