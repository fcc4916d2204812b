"""The drift alarm: are queries still as much in scope as those of the calibration?

A score of each query is ranked among the calibration's scores; queries outside the scope rank low.
An e-value of the rank (Vovk and Wang 2021, power calibrator) is 1 on average as long as the ranks
are uniform, and less when queries become easier. Their running product, never below 1, is Page's
CUSUM (1954) as an e-detector (Shin, Ramdas and Rinaldo 2022): over any ``n`` queries like those of
the calibration it reaches ``LEVEL`` with probability at most ``n / LEVEL``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 1e6  # 0.02 for a false alarm within 20,000 queries
BINS = 32  # of equal mass among the calibration's scores

# the smaller, the more it takes a large shift, and the less it minds that quantiles are estimates
_POWER = 0.6
_QUIET = 1000  # queries after an alarm, so that one shift is told once


@dataclass(frozen=True)
class Drift:
    """A fact without anybody's text: the alarm's level in powers of ten, after ``queries`` in all.

    ``since`` is how many queries ago the level began to rise.
    """

    level: float
    queries: int
    since: int


class DriftAlarm:
    """Sees one score after the other; ``edges`` are ``BINS - 1`` inner quantiles, rising.

    Scores are higher for texts in scope. Its state is three numbers; it locks nothing.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = list(edges)
        ranks = [(i + 0.5) / (len(edges) + 1) for i in range(len(edges) + 1)]
        values = [rank ** (_POWER - 1) for rank in ranks]
        mean = sum(values) / len(values)
        self._gains = [math.log(value / mean) for value in values]
        self._level = 0.0
        self._queries = self._since = 0
        self._quiet = 0

    def see(self, score: float) -> Drift | None:
        """Take note of a query's score; return the alarm that it raises, if any."""
        self._queries += 1
        self._level += self._gains[bisect_right(self._edges, score)]
        if self._level <= 0:
            self._level, self._since = 0.0, 0
        else:
            self._since += 1
        if self._quiet:
            self._quiet -= 1
            return None
        if self._level < math.log(LEVEL):
            return None
        raised = Drift(round(self._level / math.log(10), 2), self._queries, self._since)
        self._level, self._since, self._quiet = 0.0, 0, _QUIET
        return raised
