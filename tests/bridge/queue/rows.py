"""Files of the queue with a clock that a test sets, and rows for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.queue.file.clock import Board
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.row import NewRow, Row
from edge_runtime.messages import Answer, Escalation, Request, encode

SECRET = "xylophone-7731"


class Clock:
    """The seconds since a boot."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def opened(path: Path, clock: Clock | None = None, boot: str = "boot") -> Iterator[QueueFile]:
    file = QueueFile(path, Board(boot, clock or Clock()))
    try:
        yield file
    finally:
        file.close()


def new_row(  # noqa: PLR0913 - all but the name are keywords
    name: str = "a",
    *,
    client: str = "app",
    digest: bytes = b"d",
    ttl_s: float = 60.0,
    priority: int = 4,
    arrived: float = 0.0,
    session: str | None = None,
    text: str = SECRET,
) -> NewRow:
    escalation = f"{name}-{client}-{digest.hex()}"
    pending = Pending(
        escalation=Escalation(id=escalation, text=f"{text} of {client}"),
        guess=Answer(id=name, task="ask"),
        session=session,
    )
    return NewRow(
        escalation=escalation,
        key=(client, name.encode(), digest),
        priority=priority,
        arrived=arrived,
        expires=arrived + ttl_s,
        route=encode(Route(client, f"edge/v1/n/res/{client}", request_id=name)),
        pending=encode(pending),
    )


def add(outbox: Outbox, row: NewRow) -> Row:
    outbox.enqueue(row)
    found = outbox.find(row.key)
    assert found is not None
    return found


def incoming(
    name: str = "a", text: str = "what?", *, client: str = "app", arrived: float = 0.0
) -> Incoming:
    return Incoming(
        Message(topic=f"edge/v1/n/req/ask/{client}", payload=text.encode(), ticket=7),
        Route(client, f"edge/v1/n/res/{client}", name, name.encode(), arrived + 100.0),
        Request(text=text, id=name, task="ask", client=client),
        arrived,
    )
