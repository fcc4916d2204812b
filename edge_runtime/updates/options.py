"""The owner's options for updates: the table ``[update]`` of ``edge.toml``."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

_HOUR = r"([01]?\d|2[0-3]):([0-5]\d)"
_WINDOW = re.compile(rf"{_HOUR}-{_HOUR}", re.ASCII)


class UpdateOptions(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Where updates come from, when they are taken, and what they have to prove.

    ``url`` is a repository: ``https://…``, or a directory such as a mounted USB stick; empty: no
    updates. ``key_file`` holds the public keys (PEM) of which one has to have signed its index.
    ``bundles`` are taken by name, the node's own where none is named; ``runtime`` is whether
    the runtime itself is updated where the repository has one.

    Every ``interval_s``, and up to a tenth of it later, the repository is looked at. What is new is
    taken unless ``automatic`` is off, in the ``window`` (``"02:00-05:00"``, local time; empty: at
    any time), when this node is in the release's stage (``honour_stages``), the battery has
    ``min_battery_percent`` or the board is on mains, the link is not paid by volume
    (``allow_metered``), and ``spare_disk_mb`` stay free. ``rate_kb_s`` is how fast chunks are
    fetched, 0 without a limit; a request ends after ``timeout_s``.

    The gate: at least ``golden_share`` of the golden set is answered as expected; p95 and resident
    memory are at most ``slower`` and ``larger`` times those of what runs now, and at most
    ``max_p95_ms`` and ``max_rss_mb`` where these are set. A new version is kept once it ran for
    ``confirm_s``; started more than ``most_starts`` times before that, it is left again.

    ``restart`` says how a node begins with what it took: ``exit`` ends the process for the service
    manager to start it again, ``never`` waits for the next start, ``auto`` exits where a service
    manager is known to have started the node.
    """

    url: str = ""
    key_file: str = ""
    bundles: list[str] = []
    runtime: bool = True
    automatic: bool = True
    interval_s: float = 6 * 3600.0
    window: str = ""
    honour_stages: bool = True
    min_battery_percent: float = 30.0
    allow_metered: bool = False
    spare_disk_mb: float = 64.0
    rate_kb_s: float = 0.0
    timeout_s: float = 30.0
    golden_share: float = 0.95
    slower: float = 2.0
    larger: float = 2.0
    max_p95_ms: float | None = None
    max_rss_mb: float | None = None
    gate_timeout_s: float = 300.0
    confirm_s: float = 300.0
    most_starts: int = 3
    restart: Literal["auto", "exit", "never"] = "auto"

    def __post_init__(self) -> None:
        for name in ("interval_s", "timeout_s", "gate_timeout_s", "slower", "larger"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0")
        for name in ("spare_disk_mb", "rate_kb_s", "confirm_s", "min_battery_percent"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more")
        if not 0 <= self.golden_share <= 1:
            raise ValueError("golden_share must be from 0 to 1")
        if self.most_starts < 1:
            raise ValueError("most_starts must be 1 or more")
        if self.window:
            window_minutes(self.window)


def window_minutes(window: str) -> tuple[int, int]:
    """Return where a window such as ``02:00-05:00`` begins and ends, in minutes after midnight.

    Raises:
        ValueError: it is not like that.
    """
    found = _WINDOW.fullmatch(window.strip())
    if found is None:
        raise ValueError(f"window must be like 02:00-05:00, not {window!r}")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    return hour * 60 + minute, end_hour * 60 + end_minute
