"""Updates while a node runs: a look now and then, the end of trials, and the restart they need."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge_runtime.errors import EdgeError
from edge_runtime.updates.golden import Begin
from edge_runtime.updates.options import UpdateOptions
from edge_runtime.updates.progress import Progress, Report
from edge_runtime.updates.target import Target
from edge_runtime.updates.trials import Trials
from edge_runtime.updates.updater import Updater

_log = logging.getLogger(__name__)

_TICK_S = 5.0
_AGAIN_S = 900.0  # what is held or failed may be possible soon
_STICK_S = 60.0  # between two looks at a directory, which may be a stick that somebody puts in
_MOST_JITTER_S = 600.0


@dataclass(frozen=True)
class Node:
    """The node around the service: how it answers, whom it tells, and how it begins anew.

    ``restart`` ends the process for a new start, or says in the log what is to be done; ``now`` is
    in seconds of a clock that never goes back.
    """

    begin: Begin
    tell: Report
    restart: Callable[[], None]
    now: Callable[[], float] = time.monotonic


class UpdateService:
    """Looks at an interval with jitter, from start to stop, in a thread of its own.

    ``updater`` is None where no repository is set: then trials are ended, and nothing is fetched.
    """

    def __init__(
        self,
        updater: Updater | None,
        trials: Trials,
        targets: Iterable[Target],
        options: UpdateOptions,
        node: Node,
    ) -> None:
        self._updater = updater
        self._trials = trials
        self._targets = tuple(targets)
        self._options = options
        self._node = node
        self._loaded = self._active()
        self._wake = threading.Event()
        self._wanted: str | None = None
        self._is_wanted = False
        self._is_stopping = False
        self._told: dict[str, Progress] = {}
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop before the next step; a transfer under way is cut, and gone on with later."""
        self._is_stopping = True
        self._wake.set()
        self._thread.join(_TICK_S)

    def update_now(self, name: str | None = None) -> None:
        """Let everything, or what has this name, be updated soon, at the owner's word."""
        self._wanted = name
        self._is_wanted = True
        self._wake.set()

    def told(self) -> list[Progress]:
        """Return what was told last of each."""
        return list(self._told.values())

    def _run(self) -> None:
        now = self._node.now
        began = now()
        due = began + self._jitter_s()
        while not self._is_stopping:
            # first, since this process says nothing of a version that it has not loaded
            if self._active() != self._loaded:
                _log.warning("another version was switched to")
                self._node.restart()
                return
            if self._trials.under_way and now() - began >= self._options.confirm_s:
                self._guarded(self._end_trials)
            is_wanted, self._is_wanted = self._is_wanted, False
            if self._updater is not None and (is_wanted or now() >= due):
                wait_s = self._look(self._updater, by_owner=is_wanted)
                due = now() + wait_s + self._jitter_s()
            elif not self._wake.wait(_TICK_S):
                continue
            self._wake.clear()

    def _look(self, updater: Updater, *, by_owner: bool) -> float:
        """Take what is new; return how long to wait for the next look."""
        only = self._wanted if by_owner else None
        interval_s = self._options.interval_s
        if not updater.uses_link:
            interval_s = min(interval_s, _STICK_S)
        try:
            found = updater.update(by_owner=by_owner, only=only, report=self._tell)
        except EdgeError as exc:
            (_log.warning if by_owner or updater.uses_link else _log.debug)("update: %s", exc)
            return min(interval_s, _AGAIN_S)
        for each in found:
            self._tell(each)
        waits = any(each.state in {"held", "failed"} for each in found)
        return min(interval_s, _AGAIN_S) if waits else interval_s

    def _end_trials(self) -> None:
        for each in self._trials.judge(self._node.begin):
            self._tell(each)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except EdgeError as exc:
            _log.warning("update: %s", exc)

    def _tell(self, progress: Progress) -> None:
        """Say what is another than before."""
        if self._told.get(progress.name) == progress:
            return
        self._told[progress.name] = progress
        _log.info("update: %s", progress)
        self._node.tell(progress)

    def _active(self) -> dict[str, str | None]:
        return {target.name: target.slots.active for target in self._targets}

    def _jitter_s(self) -> float:
        return random.uniform(0, min(self._options.interval_s / 10, _MOST_JITTER_S))  # noqa: S311
