"""An escalation as it stands on disk, and what of it can still be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.protocol.route import Route, trace_of
from edge_runtime.bridge.queue.file.checksum import crc
from edge_runtime.bridge.queue.kept import Kept, Key
from edge_runtime.messages import Answer

State = Literal["waiting", "claimed", "answered", "broken"]

STATES: tuple[State, ...] = ("waiting", "claimed", "answered", "broken")  # as in schema


@dataclass(frozen=True, kw_only=True)
class NewRow:
    """What is put into the outbox; ``route`` and ``pending`` are encoded messages."""

    escalation: str
    key: Key
    priority: int
    arrived: float
    expires: float
    route: bytes
    pending: bytes

    @property
    def size_bytes(self) -> int:
        """How much its messages take."""
        return len(self.route) + len(self.pending)


@dataclass(frozen=True, kw_only=True)
class Row:
    """An escalation on disk. Times are of the file's clock; ``sent`` is -1 before the first time.

    ``told`` says that whoever asked has been told to wait; ``attempts`` counts all that came to
    nothing, ``failures`` those that may be the query's own fault, ``why`` is the last reason;
    ``crashes`` counts replies that were begun to be read.
    ``pending`` is empty once there is an ``answer``.
    """

    id: int
    escalation: str
    client: str
    correlation: bytes
    digest: bytes
    state: State
    priority: int
    told: bool
    attempts: int
    failures: int
    crashes: int
    arrived: float
    sent: float
    due: float
    expires: float
    why: str
    route: bytes
    route_crc: int
    pending: bytes
    answer: bytes | None
    content_crc: int

    @property
    def key(self) -> Key:
        """What tells its request from all others."""
        return self.client, self.correlation, self.digest

    @property
    def size_bytes(self) -> int:
        """How much its messages take while it is not answered."""
        return len(self.route) + len(self.pending)

    def read_route(self) -> Route | None:
        """Return where the answer goes; None when the disk has changed it."""
        return _decode(self.route, Route) if crc(self.route) == self.route_crc else None

    def read_pending(self) -> Pending | None:
        """Return the query; None when the disk has changed it, or it is answered."""
        return _decode(self.pending, Pending) if self._is_sound else None

    def read_answer(self) -> Kept | None:
        """Return the final answer; None when the disk has changed it, or there is none yet."""
        if self.answer is None or not self._is_sound:
            return None
        try:
            return Kept.read(self.answer)
        except msgspec.MsgspecError:
            return None

    def encoded(self, answer: Answer) -> bytes:
        """Return a final answer as it is kept: with the trace of whoever asked."""
        return Kept.of(answer, self.read_route()).payload

    @property
    def facts(self) -> dict[str, str]:
        """What an event tells of it: who asked, and in which trace."""
        route = self.read_route()
        trace = {} if route is None else dict(trace_of(route))
        return {"id": self.escalation, "client": self.client, **trace}

    @property
    def _is_sound(self) -> bool:
        return crc(self.pending, self.answer or b"") == self.content_crc


_Struct = TypeVar("_Struct", bound=msgspec.Struct)
COLUMNS = ", ".join(Row.__dataclass_fields__)


def row_of(values: tuple[Any, ...]) -> Row:
    """Return the row of what ``COLUMNS`` select."""
    fields = dict(zip(Row.__dataclass_fields__, values, strict=True))
    fields["state"] = STATES[fields["state"]]
    fields["told"] = bool(fields["told"])
    return Row(**fields)


def _decode(content: bytes, kind: type[_Struct]) -> _Struct | None:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
