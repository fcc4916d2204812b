"""How often the cache would answer a pair's second question with the first one's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answer_cache.guards import GUARDS, Asked
from benchmarks.answer_cache.pairs import Pair
from edge_export.evaluation.metrics import wilson

THRESHOLDS = tuple(round(float(each), 2) for each in np.arange(0.5, 1.0, 0.05))


@dataclass(frozen=True)
class Rate:
    """Hits of the pairs of a kind, by a guard, from a cosine on; with the 95 % interval."""

    kind: str
    guard: str
    threshold: float
    hits: int
    n: int

    @property
    def share(self) -> float:
        """The share, 0 of nothing."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval (1927), all of it for nothing."""
        return wilson(self.hits, self.n) if self.n else (0.0, 1.0)


def rates(pairs: Mapping[str, Sequence[Pair]], asked: Mapping[str, Asked]) -> list[Rate]:
    """Return the rate of each kind, guard and threshold."""
    found = []
    for kind, of_kind in pairs.items():
        cosines = np.array([float(asked[a].vector @ asked[b].vector) for a, b in of_kind])
        for guard, allows in GUARDS.items():
            allowed = np.array([allows(asked[a], asked[b]) for a, b in of_kind], dtype=bool)
            for threshold in THRESHOLDS:
                hits = int((allowed & (cosines >= threshold)).sum())
                found.append(Rate(kind, guard, threshold, hits, len(of_kind)))
    return found
