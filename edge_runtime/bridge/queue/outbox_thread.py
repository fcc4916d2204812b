"""The one thread that changes the outbox: many changes, one wait for the disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.errors import EdgeError

_log = logging.getLogger(__name__)

_BATCH = 64
_PAUSE_S = 5.0

Step = Callable[[], None]


class OutboxThread:
    """Runs posted steps together in one transaction, and what they want done after it.

    ``advance`` runs at the end of each transaction and when its time has come; it returns the
    seconds until then, None for never. A step that fails takes its whole transaction with it: the
    steps are undone by what was posted for that case.
    """

    def __init__(self, outbox: Outbox, advance: Callable[[], float | None]) -> None:
        self._outbox = outbox
        self._advance = advance
        self._steps: queue.SimpleQueue[tuple[Step, Step | None] | None] = queue.SimpleQueue()
        self._after: list[Step] = []
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was posted, and close the outbox."""
        self._steps.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._outbox.close()

    def post(self, step: Step, undo: Step | None = None) -> None:
        """Run a step soon; callable from any thread. ``undo`` runs if its transaction fails."""
        self._steps.put((step, undo))

    def after(self, action: Step) -> None:
        """Do something once the transaction is on disk; callable from a step or ``advance``."""
        self._after.append(action)

    def _run(self) -> None:
        wait_s: float | None = 0.0
        is_last = False
        while not is_last:
            steps, is_last = self._collect(wait_s)
            wait_s = self._work(steps)

    def _collect(self, wait_s: float | None) -> tuple[list[tuple[Step, Step | None]], bool]:
        """Return the steps that were posted by then, and whether these are the last."""
        steps: list[tuple[Step, Step | None]] = []
        try:
            posted = self._steps.get(timeout=wait_s)
            while posted is not None:
                steps.append(posted)
                if len(steps) == _BATCH:
                    break
                posted = self._steps.get_nowait()
        except queue.Empty:
            return steps, False
        return steps, posted is None

    def _work(self, steps: list[tuple[Step, Step | None]]) -> float | None:
        self._after.clear()
        try:
            with self._outbox.batch():
                for step, _ in steps:
                    step()
                wait_s = self._advance()
        except Exception as exc:  # noqa: BLE001 - a full disk, most likely; the next one may pass
            log_failure(_log, "the outbox could not be changed", exc)
            self._after = [undo for _, undo in steps if undo is not None]
            wait_s = _PAUSE_S
        for action in self._after:
            try:
                action()
            except EdgeError as exc:
                _log.warning("%s", exc)
        return wait_s
