"""How fast the node may work, so that the board does not have to slow it down: a pure decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edge_devices.profiles import Profile
from edge_devices.strain import Strain

Level = Literal["full", "slow", "shed"]

_ORDER: tuple[Level, ...] = ("full", "slow", "shed")
# a level is left again only when it is clearly over, else it would change at every reading
_COOLER_C = 3.0
_FULLER_PERCENT = 3.0
# rest for each second of work
_REST = {"full": 0.0, "slow": 1.0, "shed": 3.0}
_LONGEST_REST_S = 5.0


@dataclass(frozen=True)
class Pace:
    """``full``: as fast as it goes; ``slow``: rest after each answer; ``shed``: no long ones."""

    level: Level = "full"
    reason: str = ""

    def rest_s(self, worked_s: float) -> float:
        """Return how long to rest after so much work."""
        return min(worked_s * _REST[self.level], _LONGEST_REST_S)


def decide_pace(profile: Profile, strain: Strain, before: Level = "full") -> Pace:
    """Return the pace for these readings; ``before`` is the level until now.

    A reading that the board does not give changes nothing. The strictest reason counts.
    """
    paces = list(_reasons(profile, strain, _ORDER.index(before)))
    return max(paces, key=lambda pace: _ORDER.index(pace.level), default=Pace())


def _reasons(profile: Profile, strain: Strain, before: int) -> Iterator[Pace]:
    if (heat := strain.temperature_c) is not None:
        limits = {"slow": profile.slow_at_c, "shed": profile.shed_at_c}
        for level in _ORDER[1:]:
            limit = limits[level] - (_COOLER_C if before >= _ORDER.index(level) else 0.0)
            if heat >= limit:
                yield Pace(level, f"temperature {heat:.0f} °C >= {limit:g} °C")
    if (charge := strain.battery_percent) is not None:
        limits = {"slow": profile.slow_below_percent, "shed": profile.shed_below_percent}
        for level in _ORDER[1:]:
            limit = limits[level] + (_FULLER_PERCENT if before >= _ORDER.index(level) else 0.0)
            if charge < limit:
                yield Pace(level, f"battery {charge:.0f} % < {limit:g} %")
    if strain.is_under_voltage:
        yield Pace("slow", "the supply voltage is too low")
    if strain.is_throttled:
        yield Pace("slow", "the board is throttled")
