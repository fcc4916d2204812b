"""Gates: what the board and its link have to be like before anybody is asked."""

from __future__ import annotations

import re

import msgspec

from edge_runtime.routing.refusal import Refusal

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")
_DAY_MINUTES = 24 * 60


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When nobody is asked; a reading that the board does not give closes no gate.

    After ``max_failures`` attempts in a row that failed (0: however many), nobody is asked for
    ``pause_s``, longer each time, and then one query tries. An answer that took longer than
    ``max_latency_ms`` counts as a failure. ``min_battery_percent`` counts while the battery
    discharges; ``quiet_hours`` are spans of local time such as ``22:00-07:00``.
    """

    max_failures: int = 5
    pause_s: float = 30.0
    max_latency_ms: int | None = None
    allow_metered: bool = True
    min_battery_percent: float | None = None
    max_temperature_c: float | None = None
    quiet_hours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_failures < 0:
            raise ValueError("max_failures must be 0 or more")
        if not 0 < self.pause_s <= 86_400:  # noqa: PLR2004 - a day
            raise ValueError("pause_s must be more than 0 and at most 86400")
        if self.max_latency_ms is not None and self.max_latency_ms <= 0:
            raise ValueError("max_latency_ms must be positive")
        if self.min_battery_percent is not None and not 0 <= self.min_battery_percent <= 100:  # noqa: PLR2004
            raise ValueError("min_battery_percent must be 0 to 100")
        for each in self.quiet_hours:
            _minutes(each)


class Conditions(msgspec.Struct, frozen=True):
    """What board and link are like; None where nothing is known.

    ``battery_percent`` is None on mains; ``minute`` counts from midnight, local time; the circuit
    lets somebody try in ``circuit_wait_s``, after ``failures`` in a row.
    """

    minute: int
    metered: bool | None = None
    battery_percent: float | None = None
    temperature_c: float | None = None
    failures: int = 0
    circuit_wait_s: float = 0.0


class Gate(msgspec.Struct, frozen=True):
    """One gate as it stands; ``refusal`` is None while it lets queries pass."""

    said: str
    refusal: Refusal | None = None


def check_gates(gates: Gates, conditions: Conditions) -> list[Gate]:
    """Return every gate that the owner set, as it stands."""
    found = [_circuit(gates, conditions)] if gates.max_failures else []
    if not gates.allow_metered:
        found.append(_metered(conditions.metered))
    if (least := gates.min_battery_percent) is not None:
        found.append(_battery(least, conditions.battery_percent))
    if (most := gates.max_temperature_c) is not None:
        found.append(_temperature(most, conditions.temperature_c))
    found += [_quiet(each, conditions.minute) for each in gates.quiet_hours]
    return found


def _circuit(gates: Gates, conditions: Conditions) -> Gate:
    said = f"link: {conditions.failures} failures in a row, {gates.max_failures} close it"
    if conditions.circuit_wait_s <= 0:
        return Gate(said)
    wait_s = conditions.circuit_wait_s
    return _closed(f"{said}, next try in {wait_s:.0f} s", wait_s)


def _metered(metered: bool | None) -> Gate:  # noqa: FBT001 - a reading
    if metered:
        return _closed("the link is metered")
    return Gate("the link is not metered" if metered is False else "metered link: not known")


def _battery(least: float, percent: float | None) -> Gate:
    if percent is None:
        return Gate("battery: none, or it charges")
    if percent < least:
        return _closed(f"battery {percent:.0f} % < {least:g} %")
    return Gate(f"battery {percent:.0f} % >= {least:g} %")


def _temperature(most: float, celsius: float | None) -> Gate:
    if celsius is None:
        return Gate("temperature: not known")
    if celsius > most:
        return _closed(f"temperature {celsius:.0f} °C > {most:g} °C")
    return Gate(f"temperature {celsius:.0f} °C <= {most:g} °C")


def _quiet(hours: str, minute: int) -> Gate:
    begin, end = _minutes(hours)
    now = f"{minute // 60:02}:{minute % 60:02}"
    if (minute - begin) % _DAY_MINUTES < (end - begin) % _DAY_MINUTES:
        left_s = float((end - minute) % _DAY_MINUTES * 60)
        return _closed(f"quiet hours {hours}, it is {now}", left_s)
    return Gate(f"quiet hours {hours}, it is {now}: none now")


def _closed(said: str, retry_after_s: float | None = None) -> Gate:
    return Gate(said, Refusal(said, retry_after_s))


def _minutes(hours: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(hours.strip())
    if found is None:
        raise ValueError(f"quiet_hours must be like 22:00-07:00, not {hours!r}")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    begin, end = hour * 60 + minute, end_hour * 60 + end_minute
    if begin == end:
        raise ValueError(f"quiet_hours {hours!r} begin when they end")
    return begin, end
