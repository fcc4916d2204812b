"""How often the cache would answer a pair's second question with the first one's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answer_cache.guards import GUARDS, Asked
from benchmarks.answer_cache.pairs import Pair
from benchmarks.harness.rates import Rate

THRESHOLDS = tuple(round(float(each), 2) for each in np.arange(0.5, 1.0, 0.05))


@dataclass(frozen=True)
class PairRate(Rate):
    """Hits of the pairs of a kind, by a guard, from a cosine on."""

    kind: str
    guard: str
    threshold: float


def rates(pairs: Mapping[str, Sequence[Pair]], asked: Mapping[str, Asked]) -> list[PairRate]:
    """Return the rate of each kind, guard and threshold."""
    found = []
    for kind, of_kind in pairs.items():
        cosines = np.array([float(asked[a].vector @ asked[b].vector) for a, b in of_kind])
        for guard, allows in GUARDS.items():
            allowed = np.array([allows(asked[a], asked[b]) for a, b in of_kind], dtype=bool)
            for threshold in THRESHOLDS:
                hits = int((allowed & (cosines >= threshold)).sum())
                found.append(PairRate(hits, len(of_kind), kind, guard, threshold))
    return found
