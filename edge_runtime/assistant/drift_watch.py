"""The drift alarm of an assistant, which goes on where it was when its process starts again.

A node that restarts each day sees few queries in one run; what they say has to add up. The file is
written as a whole every so many queries or seconds, not for each query: an SD card wears out, and
an alarm that lost its last minute rings only that much later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_runtime.bundles.manifest import Calibration
from edge_runtime.routing.drift import Drift, DriftAlarm, DriftState

FILE_NAME = "drift.json"
FORMAT = 1

_EVERY_QUERIES = 50
_EVERY_S = 60.0


class _Kept(msgspec.Struct, frozen=True):
    """``edges`` are of the calibration that the state belongs to."""

    format: int
    edges: list[float]
    state: DriftState


class DriftWatch:
    """Sees the scores of all queries; sees nothing where the calibration has no edges.

    Without a path nothing is kept. A state that cannot be read, or is of another calibration,
    begins anew; one that cannot be written is told once in the log. ``now`` is in seconds of a
    clock that never goes back.
    """

    def __init__(
        self,
        calibration: Calibration | None,
        path: Path | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._edges = [] if calibration is None else calibration.scope_quantiles
        self._path = path
        self._now = now
        state = None if path is None or not self._edges else _read(path, self._edges)
        self._alarm = DriftAlarm(self._edges, state)
        self._told: list[Drift] = []
        self._unsaved = 0
        self._saved_at = float("-inf")
        self._failed = False

    def see(self, score: float | None) -> None:
        """Take note of a query's score; None is of a text without one."""
        if score is None or not self._edges:
            return
        raised = self._alarm.see(score)
        self._unsaved += 1
        is_due = self._unsaved >= _EVERY_QUERIES or self._now() - self._saved_at >= _EVERY_S
        if raised is not None:
            self._told.append(raised)
        if raised is not None or is_due:
            self._save()

    def told(self) -> list[Drift]:
        """Return the alarms since the last call."""
        told, self._told = self._told, []
        return told

    def _save(self) -> None:
        self._unsaved, self._saved_at = 0, self._now()
        if self._path is None:
            return
        from edge_devices.durable import write_file  # noqa: PLC0415 - a command keeps no state

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_file(
                self._path, msgspec.json.encode(_Kept(FORMAT, self._edges, self._alarm.state))
            )
        except OSError as exc:
            if not self._failed:
                _say("the drift alarm cannot be kept in %s: %s", self._path, exc.strerror)
            self._failed = True


def _read(path: Path, edges: list[float]) -> DriftState | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else exc
        _say("the drift alarm begins anew: %s cannot be read: %s", path, said)
        return None
    if kept.format != FORMAT or kept.edges != edges:
        return None
    return kept.state


def _say(message: str, *facts: object) -> None:
    import logging  # noqa: PLC0415 - most commands end before there is anything to say

    logging.getLogger(__name__).error(message, *facts)
