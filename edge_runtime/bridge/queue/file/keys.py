"""Which requests the file may know, so that most questions need no look at the disk."""

from __future__ import annotations

import sqlite3
from array import array
from dataclasses import dataclass, field

from edge_runtime.bridge.queue.file.schema import KEYS

_SLOTS = 2**19  # a MiB: with 20,000 rows 4 in 100 keys that are new are looked for in vain
_MOST = 2**16 - 1


def _empty() -> array[int]:
    return array("H", bytes(2 * _SLOTS))


@dataclass
class KnownKeys:
    """Counts the rows by a hash of their key: however many there are, it takes the same memory.

    Changed by the thread that writes the file; any thread may ask. Between ``hold`` and ``settle``
    changes wait for their transaction, and ``undo`` forgets them.
    """

    rows: array[int] = field(default_factory=_empty)
    _is_held: bool = field(default=False, compare=False)
    _changes: list[tuple[int, int]] = field(default_factory=list, compare=False)

    @classmethod
    def count(cls, db: sqlite3.Connection) -> KnownKeys:
        """Count what is there."""
        known = cls()
        for key in db.execute(KEYS):
            known.add(key)
        return known

    def __contains__(self, key: tuple[str, bytes, bytes]) -> bool:
        """Whether a row may have this key; certain only if not."""
        return self.rows[hash(key) % _SLOTS] > 0

    def add(self, key: tuple[str, bytes, bytes]) -> None:
        """Note one more row."""
        self._change(key, 1)

    def remove(self, key: tuple[str, bytes, bytes]) -> None:
        """Note one row less."""
        self._change(key, -1)

    def hold(self) -> None:
        """A transaction begins."""
        self._is_held = True

    def settle(self) -> None:
        """It is on disk."""
        self._is_held = False
        for slot, by in self._changes:
            if self.rows[slot] < _MOST:  # else nobody knows any more how many there are
                self.rows[slot] += by
        self._changes.clear()

    def undo(self) -> None:
        """It has come to nothing."""
        self._is_held = False
        self._changes.clear()

    def _change(self, key: tuple[str, bytes, bytes], by: int) -> None:
        self._changes.append((hash(key) % _SLOTS, by))
        if not self._is_held:
            self.settle()
