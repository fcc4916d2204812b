"""What the board says of itself now, asked no more often than it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from edge_devices import readings
from edge_runtime.routing.gates import Conditions, Gates

_Value = TypeVar("_Value")

_READ_EVERY_S = 10.0
_LINK_EVERY_S = 60.0  # it takes a child process


class Remembered(Generic[_Value]):
    """A reading that is good for a while; ``now`` is in seconds of a clock that never goes back."""

    def __init__(
        self,
        read: Callable[[], _Value],
        for_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._for_s = for_s
        self._now = now
        self._value: _Value | None = None
        self._until = float("-inf")

    def __call__(self) -> _Value | None:
        """Return the reading."""
        if self._now() >= self._until:
            self._value = self._read()
            self._until = self._now() + self._for_s
        return self._value


class Sensors:
    """The readings that gates ask for, and no others."""

    def __init__(
        self,
        *,
        metered: Callable[[], bool | None] | None = None,
        battery_percent: Callable[[], float | None] | None = None,
        temperature_c: Callable[[], float | None] | None = None,
        minute: Callable[[], int] | None = None,
    ) -> None:
        self._metered = metered or Remembered(readings.link_is_metered, _LINK_EVERY_S)
        self._battery = battery_percent or Remembered(
            readings.discharging_battery_percent, _READ_EVERY_S
        )
        self._temperature = temperature_c or Remembered(readings.temperature_c, _READ_EVERY_S)
        self._minute = minute or _minute

    def read(self, gates: Gates, *, failures: int, circuit_wait_s: float) -> Conditions:
        """Return the conditions as far as gates depend on them."""
        asks_battery = gates.min_battery_percent is not None
        asks_temperature = gates.max_temperature_c is not None
        return Conditions(
            minute=self._minute(),
            metered=None if gates.allow_metered else self._metered(),
            battery_percent=self._battery() if asks_battery else None,
            temperature_c=self._temperature() if asks_temperature else None,
            failures=failures,
            circuit_wait_s=circuit_wait_s,
        )


def _minute() -> int:
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min
