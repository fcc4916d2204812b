"""The drift alarm: how soon it rings when queries leave the scope, and how often for nothing."""

from __future__ import annotations

import msgspec
import numpy as np
from tqdm import tqdm

from benchmarks.decision.pools import Pool
from edge_export.evaluation.metrics import Floats, rounded, wilson
from edge_export.fitting import drift_edges
from edge_runtime.routing.confidence import SCOPE_SCORE
from edge_runtime.routing.drift import DriftAlarm

_LONG = 20_000  # queries without a shift
_SHORT = 2000  # queries after one
_SOON = 500
_SHIFTS = (0.5, 1.0)  # share of queries out of scope


class Alarm(msgspec.Struct, frozen=True):
    """How ``runs`` alarms fared, each with edges from a calibration of ``n`` texts of the pool.

    ``false_alarms`` of them rang within 20,000 queries like the pool's; ``high`` is the upper end
    of the 95 % interval of that share. ``delays`` has for each share out of scope that the queries
    shift to the median and the longest wait in queries, ``late`` how many took over 500.
    """

    n: int
    runs: int
    outside: float
    false_alarms: int
    high: float
    delays: dict[str, tuple[float, int]]
    late: dict[str, int]


def alarm(pool: Pool, *, n: int, runs: int, seed: int) -> Alarm:
    """Draw calibrations and queries from the pool, with replacement."""
    rng = np.random.default_rng(seed)
    score = pool.features[SCOPE_SCORE]
    false_alarms = 0
    waits: dict[str, list[int]] = {f"{share:.0%}": [] for share in _SHIFTS}
    for _ in tqdm(range(runs), desc=f"drift alarm, {n} texts"):
        edges = drift_edges(rng.choice(score, n))
        false_alarms += _first(edges, rng.choice(score, _LONG)) <= _LONG
        for share, name in zip(_SHIFTS, waits, strict=True):
            outside = rng.random(_SHORT) < share
            queries = np.where(
                outside,
                rng.choice(score[~pool.in_scope], _SHORT),
                rng.choice(score[pool.in_scope], _SHORT),
            )
            waits[name].append(_first(edges, queries))
    return Alarm(
        n,
        runs,
        rounded(float((~pool.in_scope).mean())),
        false_alarms,
        rounded(wilson(false_alarms, runs)[1]),
        {name: (float(np.median(each)), max(each)) for name, each in waits.items()},
        {name: sum(wait > _SOON for wait in each) for name, each in waits.items()},
    )


def _first(edges: list[float], queries: Floats) -> int:
    """Return the query that the alarm rings at, counted from 1; one more than all if none."""
    watching = DriftAlarm(edges)
    rings = (i for i, score in enumerate(queries.tolist(), 1) if watching.see(score))
    return next(rings, len(queries) + 1)
