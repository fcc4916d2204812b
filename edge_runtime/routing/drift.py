"""The drift alarm: are queries still as much in scope as those of the calibration?

Queries outside the scope score low. Edges are scores of which the calibration has shown that at
most a known share of such queries lies below. Bets that more do so, a few at each edge, multiply
their stakes, and each is fair or worse as long as queries are like those of the calibration
(Waudby-Smith and Ramdas 2024). Their products, never below 1, are Page's CUSUM (1954) as e-detector
(Shin, Ramdas and Rinaldo 2022): over ``n`` such queries the mean of all reaches ``LEVEL`` with
probability at most ``n / LEVEL``, however few samples the edges were learned from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

LEVEL = 1e6  # 0.02 for a false alarm within 20,000 queries
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)  # of the queries, at most, that lie below each edge

_STAKES = (0.2, 0.5, 0.9)  # the larger, the sooner a large shift is told, and the later a small one
_QUIET = 1000  # queries after an alarm, so that one shift is told once


@dataclass(frozen=True)
class Drift:
    """A fact without anybody's text: the alarm's level in powers of ten, after ``queries`` in all.

    ``since`` is how many queries ago the level began to rise.
    """

    level: float
    queries: int
    since: int


class DriftState(msgspec.Struct, frozen=True):
    """How far an alarm has come: of each bet its level and since how many queries it rises.

    ``quiet`` is for how many queries it says nothing yet.
    """

    queries: int
    quiet: int
    bets: list[tuple[float, int]]


class _Bet:
    """On a score below ``edge``; ``won`` and ``lost`` are the logarithms of what is paid."""

    def __init__(self, edge: float, share: float, stake: float) -> None:
        self._edge = edge
        self._won = math.log(1 + stake * (1 / share - 1))
        self._lost = math.log(1 - stake)
        self.level, self.since = 0.0, 0

    def see(self, score: float) -> None:
        self.level += self._won if score < self._edge else self._lost
        self.since += 1
        if self.level <= 0:
            self.level, self.since = 0.0, 0


class DriftAlarm:
    """Sees one score after the other; ``edges`` are those of the last of ``SHARES``, rising.

    Scores are higher for texts in scope. It goes on from a ``state`` of the same edges. It locks
    nothing.
    """

    def __init__(self, edges: Sequence[float], state: DriftState | None = None) -> None:
        shares = SHARES[len(SHARES) - len(edges) :]
        self._bets = [
            _Bet(edge, share, stake)
            for edge, share in zip(edges, shares, strict=True)
            for stake in _STAKES
        ]
        self._queries = self._quiet = 0
        if state is not None and len(state.bets) == len(self._bets):
            self._queries, self._quiet = state.queries, state.quiet
            for bet, (level, since) in zip(self._bets, state.bets, strict=True):
                bet.level, bet.since = level, since

    @property
    def state(self) -> DriftState:
        """How far it has come."""
        bets = [(bet.level, bet.since) for bet in self._bets]
        return DriftState(self._queries, self._quiet, bets)

    def see(self, score: float) -> Drift | None:
        """Take note of a query's score; return the alarm that it raises, if any."""
        self._queries += 1
        for bet in self._bets:
            bet.see(score)
        best = max(self._bets, key=lambda bet: bet.level)
        if self._quiet:
            self._quiet -= 1
            return None
        if best.level < math.log(LEVEL):  # and the mean is no higher
            return None
        mean = sum(math.exp(bet.level - best.level) for bet in self._bets) / len(self._bets)
        level = best.level + math.log(mean)
        if level < math.log(LEVEL):
            return None
        raised = Drift(round(level / math.log(10), 2), self._queries, best.since)
        for bet in self._bets:
            bet.level, bet.since = 0.0, 0
        self._quiet = _QUIET
        return raised
