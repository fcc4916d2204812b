"""Looks after requests that take long: into the journal, and answered when their time is over."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.node.under_way import UnderWay

_log = logging.getLogger(__name__)

_ACCEPT_S = 0.25
_HURRY_S = 0.02
_MANY = 8  # a broker sends no more than 10 or 20 before the first is acknowledged
_STEP_S = 0.025
_SLACK = 1000

Step = Callable[[], None]


class Watch:
    """One thread, for what has waited for 250 ms, and for what is over.

    When so many requests wait that the broker may hold others back, they are accepted sooner: only
    those that the node has can be served in turn.
    """

    def __init__(self, under_way: UnderWay) -> None:
        self._under_way = under_way
        self._number = itertools.count()
        self._young: deque[Asked] = deque()
        self._posted: deque[tuple[float, Step | Asked]] = deque()
        self._due: list[tuple[float, int, Step | Asked]] = []
        self._wake = threading.Event()
        self._has_time = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self, accept: Callable[[Asked], None], expire: Callable[[Asked], None]) -> None:
        """Begin to work: ``accept`` gets what takes long, ``expire`` that whose time is over."""
        self._accept = accept
        self._expire = expire
        self._thread.start()

    def stop(self) -> None:
        """End; what was to be done later is not done."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def add(self, asked: Asked) -> None:
        """Look after a request, by whatever thread it came."""
        if asked.give_up_at - asked.arrived_at <= _ACCEPT_S:
            self._posted.append((asked.give_up_at, asked))
            self._wake.set()
            return
        self._young.append(asked)
        if self._has_time:
            self._wake.set()

    def later(self, delay_s: float, step: Step) -> None:
        """Do something after a while; any thread may ask."""
        self._posted.append((time.monotonic() + delay_s, step))
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            wait_s = self._look(time.monotonic())
            self._has_time = True
            if self._young:  # looked at again soon; else whoever adds the first one wakes this
                self._has_time = False
                wait_s = _STEP_S if wait_s is None else min(wait_s, _STEP_S)
            self._wake.wait(wait_s)
            self._wake.clear()

    def _look(self, now: float) -> float | None:
        """Do what is due; return the seconds until a time is over, None for never."""
        while self._posted:
            self._push(*self._posted.popleft())
        after_s = _HURRY_S if len(self._under_way) >= _MANY else _ACCEPT_S
        while self._young and self._young[0].arrived_at + after_s <= now:
            asked = self._young.popleft()
            if not asked.is_over:
                self._do(self._accept, asked)
                self._push(asked.give_up_at, asked)
        while self._due and self._due[0][0] <= now:
            _, _, each = heapq.heappop(self._due)
            if not isinstance(each, Asked):
                self._do(each)
            elif not each.is_over:
                self._do(self._expire, each)
        if len(self._due) > 2 * len(self._under_way) + _SLACK:
            self._due = [each for each in self._due if not _is_over(each[2])]
            heapq.heapify(self._due)
        return max(0.0, self._due[0][0] - now) if self._due else None

    def _push(self, at: float, each: Step | Asked) -> None:
        heapq.heappush(self._due, (at, next(self._number), each))

    def _do(self, step: Callable[..., None], *arguments: Asked) -> None:
        try:
            step(*arguments)
        except Exception as exc:  # noqa: BLE001 - the others are not to blame
            log_failure(_log, "a request could not be looked after", exc)


def _is_over(each: Step | Asked) -> bool:
    return isinstance(each, Asked) and each.is_over
