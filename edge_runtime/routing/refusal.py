"""Why nobody may be asked now, though the policy allowed it."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_runtime.errors import EdgeError, OverBudgetError, PolicyDeniedError, UnavailableError


class Refusal(msgspec.Struct, frozen=True):
    """``retry_after_s`` is how long it lasts at least, None where that is not known.

    What the ``policy`` refuses never leaves; a ``gate`` may open, a ``budget`` be filled again.
    """

    said: str
    retry_after_s: float | None = None
    by: Literal["gate", "budget", "policy"] = "gate"

    def error(self) -> EdgeError:
        """Return what whoever asked is told: 403 for the policy, 429 for a budget, else 503."""
        if self.by == "policy":
            return PolicyDeniedError(self.said)
        if self.by == "budget":
            return OverBudgetError(self.said, self.retry_after_s)
        error = UnavailableError(self.said)
        error.retry_after_s = self.retry_after_s
        return error
