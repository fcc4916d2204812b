"""The time of the queue: seconds that the board has been running, which nobody can set.

A Pi has no clock of its own: it begins anywhere, and jumps once the network is there. Deadlines
must neither pass nor last for ever because of that. Time that the board is off does not count.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_runtime.assistant.state_file import board_uptime, read_clock, write_clock

# of running that may be forgotten when the power goes: while rows change, and while they wait
_LATE_S = 1.0
_VERY_LATE_S = 600.0


def _running_s() -> float:
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # not Linux
        return time.monotonic()


@dataclass(frozen=True)
class Board:
    """The id of a boot, and the seconds since it."""

    boot: str
    seconds: Callable[[], float] = _running_s


def this_board() -> Board:
    """Return the board that this process runs on."""
    boot, _ = board_uptime()
    return Board(boot)


class RunningClock:
    """Goes on where the file's clock stood, in this boot or an earlier one."""

    def __init__(self, db: sqlite3.Connection, board: Board) -> None:
        self._board = board
        self._clock = read_clock(db).at(board.boot, board.seconds())
        self._written_s = float("-inf")

    def __call__(self) -> float:
        """Return the seconds; they never go back."""
        return self._clock.lived_s + max(0.0, self._board.seconds() - self._clock.uptime_s)

    def write(self, db: sqlite3.Connection, *, is_changed: bool) -> None:
        """Write it into the file if that is due, as a part of a transaction."""
        seconds = self._board.seconds()
        if seconds - self._written_s >= (_LATE_S if is_changed else _VERY_LATE_S):
            write_clock(db, self._clock.at(self._board.boot, seconds))
            self._written_s = seconds


def moved(moment: float, origin: float, target: float) -> float:
    """Return a moment of one clock on another; ``origin`` and ``target`` are now on each."""
    return moment - origin + target
