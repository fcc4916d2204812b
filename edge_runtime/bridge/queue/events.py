"""Facts about the queue without anybody's text, and how much it has dropped."""

from __future__ import annotations

import logging
from functools import partial

from edge_runtime.bridge.protocol.events import event_message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.queue_thread import QueueThread

_log = logging.getLogger(__name__)


class Events:
    """Publishes facts once what they tell is on disk; counts drops in the file, for ever."""

    def __init__(
        self, file: QueueFile, thread: QueueThread, outlet: Outlet, topics: NodeTopics
    ) -> None:
        self._file = file
        self._thread = thread
        self._outlet = outlet
        self._topics = topics

    def tell(self, kind: str, **facts: str | int | None) -> None:
        """Publish a fact; from a step."""
        self._thread.after(partial(self._publish, kind, facts))

    def dropped(self, reason: str, **facts: str) -> None:
        """Count a query that was dropped, and tell of it; from a step."""
        count_drop(self._file, reason)
        self.tell("dropped", reason=reason, count=1, **facts)

    def refused(self, reason: str, **facts: str) -> None:
        """Count a query that could not be written, and tell of it; from any thread."""
        self._publish("dropped", {"reason": reason, "count": 1, **facts})
        self._thread.post(partial(count_drop, self._file, reason), advances=False)

    def counts(self) -> dict[str, int]:
        """Return how much was dropped, by reason."""
        return dict(self._file.db.execute("SELECT reason, count FROM dropped").fetchall())

    def _publish(self, kind: str, facts: dict[str, str | int | None]) -> None:
        _log.debug("%s: %s", kind, facts)
        self._outlet.publish(event_message(self._topics, kind, facts))


def count_drop(file: QueueFile, reason: str) -> None:
    """Count a query that was dropped."""
    file.db.execute(
        "INSERT INTO dropped VALUES (?, 1) ON CONFLICT (reason) DO UPDATE SET count = count + 1",
        (reason,),
    )
