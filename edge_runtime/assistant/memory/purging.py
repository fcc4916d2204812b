"""Deletes what is over its time while nobody asks anything."""

from __future__ import annotations

import logging
import threading

from edge_runtime.assistant.memory.file import Memory
from edge_runtime.errors import UnavailableError

_log = logging.getLogger(__name__)

_EVERY_S = 60.0


class Purging:
    """Looks at a memory now and then, in a thread of its own, from start to stop."""

    def __init__(self, memory: Memory, every_s: float = _EVERY_S) -> None:
        self._memory = memory
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="purging", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_broken = False
        while True:
            try:
                self._memory.purge()
            except UnavailableError as exc:
                if not is_broken:
                    _log.error("what is over its time is not deleted: %s", exc)
                is_broken = True
            else:
                is_broken = False
            if self._stopping.wait(self._every_s):
                return
