"""Space on the disk that is given back when the disk is full, so that deleting works again.

SQLite needs room in its journal even to delete; on a full disk nothing could ever get smaller.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024  # more than the journal has when it is worked off
_LOOK_S = 1.0


class Reserve:
    """A file of zeros beside the queue; while it is gone, nothing new should be written."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._looked = float("-inf")
        self._is_held = False
        self.restore()

    @property
    def is_gone(self) -> bool:
        """Whether the disk is full; looks again now and then."""
        if not self._is_held and self._monotonic() - self._looked >= _LOOK_S:
            self.restore()
        return not self._is_held

    @property
    def is_held(self) -> bool:
        """Whether there is something to give back."""
        return self._is_held

    def release(self) -> bool:
        """Give the space back; return whether there was any."""
        was_held, self._is_held = self._is_held, False
        self._looked = self._monotonic()
        with contextlib.suppress(OSError):
            self._path.unlink()
        return was_held

    def restore(self) -> None:
        """Take the space again, if the disk has as much left over for the queue itself."""
        self._looked = self._monotonic()
        try:
            self._is_held = self._path.exists() and self._path.stat().st_size == RESERVE_BYTES
            if not self._is_held and self._has_room():
                self._write()
                self._is_held = True
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _has_room(self) -> bool:
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize >= 2 * RESERVE_BYTES

    def _write(self) -> None:
        descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            # written, not only declared: a file with holes takes no space
            file.write(bytes(RESERVE_BYTES))
            file.flush()
            os.fsync(file.fileno())
