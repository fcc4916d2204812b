"""A query that waits for the large model, as the device keeps it."""

from __future__ import annotations

import msgspec

from edge_runtime.assistant.caching.known import CacheQuestion
from edge_runtime.errors import EdgeError, ExpiredError, UnavailableError
from edge_runtime.messages import (
    Answer,
    Escalation,
    Privacy,
    Redaction,
    WhenOffline,
    error_info,
)
from edge_runtime.routing.rules import Facts


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An escalated query. Only ``escalation`` ever leaves the device.

    ``guess`` is the local best guess, complete but for its status; ``placeholders`` maps what
    stands in ``escalation.text`` to what it stands for; ``deadline_ms`` counts from the arrival;
    ``client`` is whose budget it is on; ``facts`` and ``privacy`` are what was known and what held
    when it was decided that it may leave, ``private`` is what was done with each kind of private
    text in it. ``session`` is the conversation that it belongs to; ``question`` is what its answer
    may be found by again, None where that is not kept.
    """

    escalation: Escalation
    guess: Answer
    placeholders: dict[str, str] = {}
    when_offline: WhenOffline = "queue"
    deadline_ms: int = 3_600_000
    client: str = "local"
    facts: Facts = Facts()
    privacy: Privacy = "redact"
    private: dict[str, Redaction] = {}
    session: str | None = None
    question: CacheQuestion | None = None

    def offline(self, why: str | EdgeError) -> Answer:
        """Return what whoever asked gets now, because nobody can be asked (DESIGN section 9).

        The status is ``queued`` when the query goes on waiting, else this answer is final.
        """
        if self.when_offline == "fail":
            return self.failed(UnavailableError(why) if isinstance(why, str) else why)
        if self.when_offline == "local":
            return self._guess("ok", f"{why}; policy: answer locally")
        return self._guess("queued", f"{why}; queued")

    def kept(self, why: str) -> Answer:
        """Return the final answer for a query that may not leave any more: the best guess."""
        return self._guess("ok", f"{why}: best guess, nothing left the device")

    def failed(self, error: EdgeError) -> Answer:
        """Return the final answer for a query that nobody answered."""
        return msgspec.structs.replace(
            self.guess, status="error", error=error_info(error), result=None, confidence=0.0
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
