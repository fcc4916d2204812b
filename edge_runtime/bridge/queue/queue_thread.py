"""The one thread that changes the queue's file: many changes, one wait for the disk."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.queue.file.queue_file import DAMAGE, QueueFile
from edge_runtime.errors import EdgeError, UnavailableError

_log = logging.getLogger(__name__)

_BATCH = 256
_PAUSE_S = 5.0
_SOON_S = 0.01
_ASK_TIMEOUT_S = 30.0

Step = Callable[[], None]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Posted:
    step: Step
    undo: Step | None
    advances: bool


class QueueThread:
    """Runs posted steps together in one transaction, and what they want done after it.

    ``advance`` runs at the end of a transaction with a step that asks for it, and when its time has
    come; it returns the seconds until then, None for never. When a transaction fails, each of its
    steps is run again in one of its own: so a step may run again, and has to leave what it does
    outside of the file to ``after``. A step that fails alone is undone by what was posted for that
    case. Before that a full disk gives its reserve back, and ``reopen`` is called if the file is
    damaged.
    """

    def __init__(
        self,
        file: QueueFile,
        advance: Callable[[], float | None],
        reopen: Callable[[], None] = lambda: None,
    ) -> None:
        self._file = file
        self._advance = advance
        self._reopen = reopen
        self._steps: queue.SimpleQueue[_Posted | None] = queue.SimpleQueue()
        self._after: list[Step] = []
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was posted, and close the file."""
        self._steps.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._file.close()

    def post(self, step: Step, undo: Step | None = None, *, advances: bool = True) -> None:
        """Run a step soon; callable from any thread. ``undo`` runs if it fails.

        ``advances``: there may be something to do for ``advance`` afterwards.
        """
        self._steps.put(_Posted(step, undo, advances))

    def ask(self, step: Callable[[], _Result]) -> _Result:
        """Run a step, wait until it is on disk, and return its result; from any other thread.

        Raises:
            UnavailableError: the file could not be changed.
            EdgeError: as the step raises it.
        """
        asked = _Asked(step)
        self.post(lambda: self._ask(asked), asked.set_failed)
        return asked.result()

    def after(self, action: Step) -> None:
        """Do something once the transaction is on disk; callable from a step or ``advance``."""
        self._after.append(action)

    def _ask(self, asked: _Asked[_Result]) -> None:
        asked.run()
        self.after(asked.set_done)

    def _run(self) -> None:
        due: float | None = time.monotonic()
        is_last = False
        while not is_last:
            wait_s = None if due is None else max(0.0, due - time.monotonic())
            posted, is_last = self._collect(wait_s)
            is_due = due is not None and time.monotonic() >= due
            if is_due or any(each.advances for each in posted):
                wait_s = self._work(posted)
                due = None if wait_s is None else time.monotonic() + wait_s
            elif posted:
                self._transact(posted)

    def _collect(self, wait_s: float | None) -> tuple[list[_Posted], bool]:
        """Return the steps that were posted by then, and whether these are the last."""
        found: list[_Posted] = []
        try:
            posted = self._steps.get(timeout=wait_s)
            while posted is not None:
                found.append(posted)
                if len(found) == _BATCH:
                    break
                posted = self._steps.get_nowait()
        except queue.Empty:
            return found, False
        return found, posted is None

    def _work(self, posted: list[_Posted]) -> float | None:
        """Run steps and ``advance``; return the seconds until the next time."""
        waits: list[float | None] = []
        advance = _Posted(lambda: waits.append(self._advance()), None, advances=False)
        was_held = self._file.reserve.is_held
        if advance not in self._transact([*posted, advance]):
            return waits[-1]
        return _SOON_S if was_held and not self._file.reserve.is_held else _PAUSE_S

    def _transact(self, posted: list[_Posted], *, is_last: bool = False) -> list[_Posted]:
        """Run steps in one transaction, else each in its own; return those that failed."""
        self._after.clear()
        try:
            with self._file.batch():
                for each in posted:
                    each.step()
        except Exception as exc:  # noqa: BLE001 - a full disk, most likely; the next one may pass
            self._after.clear()
            is_mended = not is_last and self._mend(exc)
            if is_mended or len(posted) > 1:
                return [
                    each for alone in posted for each in self._transact([alone], is_last=is_mended)
                ]
            log_failure(_log, "the queue could not be changed", exc)
            self._act([each.undo for each in posted if each.undo is not None])
            return posted
        self._act(self._after.copy())
        return []

    def _mend(self, exc: Exception) -> bool:
        """Do what can be done about a failure; return whether it is worth to try again."""
        code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
        if code in DAMAGE:
            try:
                self._reopen()
            except EdgeError as exc_again:
                _log.error("%s", exc_again)
                return False
            return True
        if code == sqlite3.SQLITE_FULL and self._file.make_room():
            _log.error("the disk is full: nothing more is queued until there is room again")
            return True
        return False

    def _act(self, actions: list[Step]) -> None:
        for action in actions:
            try:
                action()
            except EdgeError as exc:
                _log.warning("%s", exc)
            except Exception as exc:  # noqa: BLE001 - the others are not to blame
                log_failure(_log, "something could not be done after a change of the queue", exc)


class _Asked(Generic[_Result]):
    """A step whose result somebody waits for."""

    def __init__(self, step: Callable[[], _Result]) -> None:
        self._step = step
        self._done = threading.Event()
        self._found: list[_Result] = []
        self._error: EdgeError | None = None
        self._is_failed = False

    def run(self) -> None:
        self._found.clear()
        self._error = None
        try:
            self._found.append(self._step())
        except EdgeError as exc:
            self._error = exc

    def set_done(self) -> None:
        self._done.set()

    def set_failed(self) -> None:
        self._is_failed = True
        self._done.set()

    def result(self) -> _Result:
        if not self._done.wait(_ASK_TIMEOUT_S) or self._is_failed:
            raise UnavailableError("the outbox could not be changed; see the node's log")
        if self._error is not None:
            raise self._error
        return self._found[0]
