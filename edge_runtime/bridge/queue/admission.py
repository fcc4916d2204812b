"""Who waits when the outbox is full: the more important; nobody is dropped without an answer."""

from __future__ import annotations

from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.file.totals import ROW_BYTES
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.row import NewRow, Row
from edge_runtime.errors import UnavailableError


class Admission:
    """Keeps the rows and bytes of the outbox within their caps (see ``EscalationOptions``)."""

    def __init__(
        self, file: QueueFile, outbox: Outbox, events: Events, options: EscalationOptions
    ) -> None:
        self._file = file
        self._outbox = outbox
        self._events = events
        self._options = options

    def make_room(self, new: NewRow) -> tuple[list[Row], str | None]:
        """Return what is to be dropped for a new row, or ``rows``, ``bytes`` or ``disk``: no room.

        A row that is to be dropped is noted, and has to be answered.
        """
        if not self._file.has_room:
            return [], "disk"
        if new.size_bytes + ROW_BYTES > self._options.most_bytes:
            return [], "bytes"
        victims: list[Row] = []
        candidates = self._outbox.least_important(self._options.when_full)
        while (short_of := self._short_of(new, victims)) is not None:
            victim = next(candidates, None)
            if victim is None or not self._yields(victim, new):
                return [], short_of
            victims.append(victim)
        for victim in victims:
            self._events.dropped(self._short_of(new, []) or "rows", **victim.facts)
        return victims, None

    def full(self, short_of: str) -> UnavailableError:
        """Return what is told to those for whom there is no room."""
        said = "the device's disk is full" if short_of == "disk" else "too many queries wait"
        error = UnavailableError(f"{said}; ask again later")
        error.retry_after_s = self._options.retry_after_s
        return error

    def _short_of(self, new: NewRow, victims: list[Row]) -> str | None:
        totals = self._file.totals
        if totals.escalations - len(victims) >= self._options.most_rows:
            return "rows"
        freed_bytes = sum(each.size_bytes + ROW_BYTES for each in victims)
        left_bytes = self._options.most_bytes - totals.escalation_bytes + freed_bytes
        return "bytes" if new.size_bytes + ROW_BYTES > left_bytes else None

    def _yields(self, victim: Row, new: NewRow) -> bool:
        if self._options.when_full == "first":
            return victim.priority <= new.priority
        return victim.priority < new.priority
