"""A circuit breaker: after failures in a row nobody is asked for a while, then one query tries.

It has no clock and no lock of its own: ``now`` is in seconds of any clock that never goes back.
"""

from __future__ import annotations

import msgspec

LONGEST_PAUSE_S = 600.0
_TRY_S = 120.0  # a try that nobody heard of again is over by then


class Circuit(msgspec.Struct, frozen=True):
    """``failures`` in a row; after enough of them, ``pauses`` so far and when the last one ends.

    A query that tries after a pause does so alone, until ``trying_until`` at most.
    """

    failures: int = 0
    pauses: int = 0
    until: float = 0.0
    trying_until: float = 0.0

    def wait_s(self, now: float) -> float:
        """Return in how many seconds somebody may be asked, 0 for now."""
        if self.pauses == 0:
            return 0.0
        return max(0.0, self.until - now, self.trying_until - now)

    def asked(self, now: float) -> Circuit:
        """Somebody is asked; while the circuit is being tried, nobody else is."""
        if self.pauses == 0:
            return self
        return Circuit(self.failures, self.pauses, self.until, now + _TRY_S)

    def failed(self, now: float, *, most: int, pause_s: float, jitter: float) -> Circuit:
        """An attempt failed; ``most`` in a row open the circuit, 0: never.

        Pauses double up to ``LONGEST_PAUSE_S``; each is as long as ``jitter`` says, 0 to 1, of the
        upper half of it, so that devices that failed together do not come back together.
        """
        failures = self.failures + 1
        if most == 0 or failures < most:
            return Circuit(failures, self.pauses, self.until)
        if now < self.until:  # one of those that were under way when it opened
            return Circuit(failures, self.pauses, self.until, self.trying_until)
        longest_s = max(pause_s, min(LONGEST_PAUSE_S, pause_s * 2.0 ** min(self.pauses, 30)))
        return Circuit(failures, self.pauses + 1, now + longest_s * (0.5 + jitter / 2))

    def try_now(self) -> Circuit:
        """There is reason to believe that it works again, such as a worker that came online."""
        return Circuit(self.failures, self.pauses) if self.pauses else self
