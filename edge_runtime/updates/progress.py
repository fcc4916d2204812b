"""What an updater tells while it works: one struct for ``evt/update``, ``--json`` and the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

State = Literal[
    "current",  # nothing newer is offered
    "available",  # a newer one is offered, and not taken by itself
    "held",  # it waits, for the reason that is given
    "fetching",
    "testing",
    "switched",  # on trial from the next start on
    "kept",  # the trial is over
    "returned",  # the trial failed, or the owner went back
    "failed",  # it cannot be taken
]


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a bundle or the runtime stands.

    ``update_percentage`` is of the transfer; ``transferred_bytes`` are those that came over the
    link, of ``size_bytes`` of the release.
    """

    kind: str
    name: str
    state: State
    installed_version: str | None = None
    latest_version: str | None = None
    reason: str | None = None
    update_percentage: int | None = None
    transferred_bytes: int | None = None
    size_bytes: int | None = None

    def at(self, state: State, reason: str | None = None) -> Progress:
        """Return it in another state."""
        return msgspec.structs.replace(self, state=state, reason=reason)

    def __str__(self) -> str:
        """Return it for people, in one line."""
        versions = self.installed_version or "none"
        if self.latest_version not in {None, self.installed_version}:
            versions += f" -> {self.latest_version}"
        percent = f" {self.update_percentage} %" if self.update_percentage is not None else ""
        came = ""
        if self.transferred_bytes is not None and self.size_bytes:
            came = (
                f" ({self.transferred_bytes / 1e6:.1f} of {self.size_bytes / 1e6:.1f} MB fetched)"
            )
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.name}  {versions}  {self.state}{percent}{came}{reason}"


Report = Callable[[Progress], None]
"""Is told each step; must not raise."""


def no_report(_progress: Progress) -> None:
    """Tell nobody."""
