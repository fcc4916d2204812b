"""One line of the report."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """What a check found; ``advice`` says what to do.

    ``ok`` is False if the node cannot work like this; with advice all the same, something is worth
    doing.
    """

    check: str
    ok: bool
    fact: str
    advice: str = ""

    def line(self) -> str:
        """Return the finding for people."""
        mark = "FAIL" if not self.ok else "warn" if self.advice else "ok  "
        return f"{mark} {self.check}: {self.fact}{f'; {self.advice}' if self.advice else ''}"
