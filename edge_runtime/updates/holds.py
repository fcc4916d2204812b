"""Why an update waits: the board, the link, the hour, or its turn; pure but for the reading."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from edge_devices import readings
from edge_runtime.updates.index import Release
from edge_runtime.updates.options import UpdateOptions, window_minutes

_PARTS = 10_000  # of the nodes that a stage can tell apart
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Readings:
    """What the board says; ``battery_percent`` is None on mains, ``metered`` where unknown."""

    minute: int
    battery_percent: float | None
    metered: bool | None


def read_board() -> Readings:
    """Return what the board says now; it takes some milliseconds."""
    now = time.localtime()
    return Readings(
        minute=now.tm_hour * 60 + now.tm_min,
        battery_percent=readings.discharging_battery_percent(),
        metered=readings.link_is_metered(),
    )


def in_stage(release: Release, node: str) -> bool:
    """Return whether it is this node's turn.

    A hash of node and release decides: who is in a stage stays in it when it grows, and each
    release has other nodes that are the first.
    """
    digest = hashlib.sha256(f"{release.kind}/{release.name}/{release.serial}/{node}".encode())
    share = int.from_bytes(digest.digest()[:8], "big") % _PARTS
    return share < release.stage_percent / 100 * _PARTS


def why_held(
    release: Release, node: str, options: UpdateOptions, board: Readings, *, uses_link: bool
) -> str | None:
    """Return why this release is not taken now, None if it is; the first reason counts."""
    battery = board.battery_percent
    if battery is not None and battery < options.min_battery_percent:
        return f"battery {battery:.0f} % < {options.min_battery_percent:g} %"
    if uses_link and board.metered and not options.allow_metered:
        return "the link is paid by volume"
    if options.window:
        begin, end = window_minutes(options.window)
        if begin != end and (board.minute - begin) % _DAY_MINUTES >= (end - begin) % _DAY_MINUTES:
            now = f"{board.minute // 60:02}:{board.minute % 60:02}"
            return f"the window is {options.window}, it is {now}"
    if options.honour_stages and not in_stage(release, node):
        return f"{release.stage_percent:g} % of the nodes have it first, and this is none of them"
    return None


def why_no_room(need_bytes: int, free_bytes: int, options: UpdateOptions) -> str | None:
    """Return why the disk has not enough room, None if it has."""
    spare_bytes = options.spare_disk_mb * 1e6
    if need_bytes + spare_bytes <= free_bytes:
        return None
    return (
        f"it needs {need_bytes / 1e6:.0f} MB on the disk, {options.spare_disk_mb:g} MB stay free, "
        f"and {free_bytes / 1e6:.0f} MB are free"
    )
