"""What a command that stays tells the service manager: ready, alive, stopping."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from edge_devices.notify import notify, watchdog_interval_s

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def supervised(why_stuck: Callable[[], str | None]) -> Iterator[None]:
    """Say that the service is ready, and that it is alive for as long as ``why_stuck`` is silent.

    Ready means that it answers on this device; a broker that is away is no reason to be started
    again. Once it is stuck, the manager is left without a sign of life, and ends the process.
    """
    notify("READY=1")
    stopping = threading.Event()
    interval_s = watchdog_interval_s()
    thread = None
    if interval_s is not None:
        thread = threading.Thread(
            target=_beat, args=(interval_s, why_stuck, stopping), name="watchdog", daemon=True
        )
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        if thread is not None:
            thread.join()
        notify("STOPPING=1", "STATUS=stopping")


def _beat(
    interval_s: float, why_stuck: Callable[[], str | None], stopping: threading.Event
) -> None:
    while True:
        reason = why_stuck()
        if reason is None:
            notify("WATCHDOG=1")
        else:
            _log.error("%s: no sign of life, so that the service is started again", reason)
            notify(f"STATUS={reason}")
        if stopping.wait(interval_s):
            return
