"""Whether the owner lets escalations wait; a restart does not forget it."""

from __future__ import annotations

from edge_runtime.bridge.queue.file.queue_file import QueueFile

_NAME = "paused"


class Pause:
    """A flag in the queue's file."""

    def __init__(self, file: QueueFile) -> None:
        self._file = file
        found = file.db.execute("SELECT 1 FROM flags WHERE name = ?", (_NAME,)).fetchone()
        self._is_on = found is not None

    @property
    def is_on(self) -> bool:
        """Whether escalations wait; any thread may ask."""
        return self._is_on

    def set(self, is_on: bool) -> None:  # noqa: FBT001 - says its name
        """Set it, at once; any thread may call. ``keep`` has to follow."""
        self._is_on = is_on

    def keep(self) -> None:
        """Write it down; from a step."""
        if self._is_on:
            self._file.db.execute("INSERT OR IGNORE INTO flags VALUES (?)", (_NAME,))
        else:
            self._file.db.execute("DELETE FROM flags WHERE name = ?", (_NAME,))
