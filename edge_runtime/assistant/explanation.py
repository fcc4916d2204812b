"""How a decision came about, and what would leave the device."""

from __future__ import annotations

import msgspec

from edge_runtime.messages import Escalation, encode
from edge_runtime.routing.decision import Outcome, Step


class Explanation(msgspec.Struct, frozen=True):
    """``leaves`` is the escalation, None when nothing leaves, now or later."""

    outcome: Outcome
    steps: list[Step]
    reasons: list[str]
    leaves: Escalation | None

    @property
    def payload(self) -> bytes:
        """Exactly the bytes that would leave; each escalation has another random id."""
        return b"" if self.leaves is None else encode(self.leaves)
