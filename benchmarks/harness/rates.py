"""A share of cases, with the interval that chance allows."""

from __future__ import annotations

from dataclasses import dataclass

from edge_export.evaluation.metrics import wilson


@dataclass(frozen=True)
class Rate:
    """``hits`` of ``n``, with the interval of 95 % of their share."""

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
