"""A query that waits for the large model, as the device keeps it."""

from __future__ import annotations

import msgspec

from edge_runtime.errors import EdgeError, ExpiredError, UnavailableError
from edge_runtime.messages import Answer, ErrorInfo, Escalation, WhenOffline


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An escalated query. Only ``escalation`` ever leaves the device.

    ``guess`` is the local best guess, complete but for its status; ``placeholders`` maps what
    stands in ``escalation.text`` to what it stands for; ``deadline_ms`` counts from the arrival.
    """

    escalation: Escalation
    guess: Answer
    placeholders: dict[str, str] = {}
    when_offline: WhenOffline = "queue"
    deadline_ms: int = 3_600_000

    def offline(self, why: str) -> Answer:
        """Return what whoever asked gets now, because nobody can be asked (DESIGN section 9).

        The status is ``queued`` when the query goes on waiting, else this answer is final.
        """
        if self.when_offline == "fail":
            return self.failed(UnavailableError(why))
        if self.when_offline == "local":
            return self._guess("ok", f"{why}; policy: answer locally")
        return self._guess("queued", f"{why}; queued")

    def failed(self, error: EdgeError) -> Answer:
        """Return the final answer for a query that nobody answered."""
        info = ErrorInfo(code=error.code, type=error.kind, message=str(error))
        return msgspec.structs.replace(
            self.guess, status="error", error=info, result=None, confidence=0.0
        )

    def expired(self) -> Answer:
        """Return the final answer once the deadline has passed."""
        return self.failed(
            ExpiredError(f"no answer within {self.deadline_ms} ms; ask again, or with more time")
        )

    def _guess(self, status: str, reason: str) -> Answer:
        return msgspec.structs.replace(
            self.guess, status=status, reason=[*self.guess.reason, reason]
        )
