"""Works as fast as the board stands it, and says when it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge_devices.pace import Level, Pace, decide_pace
from edge_devices.profiles import Profile
from edge_devices.strain import Strain, read_strain
from edge_runtime.assistant.governing.sensors import Remembered
from edge_runtime.errors import UnavailableError

_log = logging.getLogger(__name__)

_READ_EVERY_S = 10.0
_RETRY_AFTER_S = 60.0
# seconds of work each; what reads a text once takes milliseconds
_LONG_TASKS = {"generate", "chat", "translate"}


class Pacer:
    """Refuses long tasks and rests between answers, as the profile says.

    ``admit`` and ``rest`` are for the thread that computes; ``health`` any thread may ask.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        read: Callable[[], Strain] = read_strain,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._profile = profile
        self._strain = Remembered(read, _READ_EVERY_S, now)
        self._sleep = sleep
        self._pace = Pace()

    def admit(self, task: str) -> None:
        """Let a task begin.

        Raises:
            UnavailableError: the board is too hot or its battery too empty for a long one.
        """
        pace = self._look()
        if pace.level == "shed" and task in _LONG_TASKS:
            refused = UnavailableError(f"no {task} now: {pace.reason}; ask again later")
            refused.retry_after_s = _RETRY_AFTER_S
            raise refused

    def rest(self, worked_s: float) -> None:
        """Rest after so much work."""
        if (rest_s := self._pace.rest_s(worked_s)) > 0:
            self._sleep(rest_s)

    def health(self) -> dict[str, str]:
        """Return ``level`` (full, slow, shed) and ``reason``."""
        pace = self._look()
        return {"level": pace.level, "reason": pace.reason}

    def _look(self) -> Pace:
        before: Level = self._pace.level
        pace = decide_pace(self._profile, self._strain() or Strain(), before)
        if pace.level != before:
            _log.warning("pace %s: %s", pace.level, pace.reason or "the strain is over")
        self._pace = pace
        return pace
