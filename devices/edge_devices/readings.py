"""What changes while a board runs: temperature, battery, whether its link is paid by volume."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import NamedTuple

_DBUS = "org.freedesktop.NetworkManager"
_METERED = {1: True, 2: False, 3: True, 4: False}  # NMMetered: yes, no, guess-yes, guess-no
_TIMEOUT_S = 1.0
# interfaces of modems: wwan0, ppp0, and rmnet_data0 on Android
_MODEM = re.compile(r"^(?:wwan|wwp|ppp|rmnet|ccmni)")
_UP = 0x1


class Uptime(NamedTuple):
    """How long the board has been running since ``boot``, a random id that each boot has anew.

    Time in which it slept counts. Without an id, every process is a boot of its own.
    """

    boot: str
    seconds: float


def temperature_c(root: Path = Path("/")) -> float | None:
    """Return the hottest zone in degrees Celsius; the kernel gives thousandths."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*/temp"))
    readings = [read_text(path).strip() for path in zones]
    return max((int(r) / 1000 for r in readings if r.lstrip("-").isdigit()), default=None)


def discharging_battery_percent(root: Path = Path("/")) -> float | None:
    """Return the charge of the emptiest battery that the board runs on; None on mains."""
    found = []
    for supply in sorted((root / "sys/class/power_supply").glob("*")):
        of = {
            name: read_text(supply / name).strip()
            for name in ("type", "scope", "status", "capacity")
        }
        # a battery of the scope Device is that of a mouse
        if of["type"] == "Battery" and of["scope"] != "Device" and of["status"] == "Discharging":
            found += [float(of["capacity"])] if of["capacity"].isdigit() else []
    return min(found, default=None)


def link_is_metered(root: Path = Path("/")) -> bool | None:
    """Return what NetworkManager says of the link, else whether a modem is the default route.

    None where neither can be told. It takes a child process, some milliseconds.
    """
    said = _network_manager() if root == Path("/") else None
    if said is not None:
        return said
    interfaces = _default_interfaces(read_text(root / "proc/net/route"))
    return any(map(_MODEM.match, interfaces)) if interfaces else None


def uptime(root: Path = Path("/")) -> Uptime:
    """Return for how long the board has been running, by a clock that nobody can set."""
    boot = read_text(root / "proc/sys/kernel/random/boot_id").strip()
    try:
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # not Linux
        seconds = time.monotonic()
    return Uptime(boot or f"process {time.monotonic_ns()}", seconds)


def read_text(path: Path) -> str:
    """Return what a file of the kernel says, nothing where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _network_manager() -> bool | None:
    import subprocess  # noqa: PLC0415 - takes milliseconds, which other readings do not need

    command = ["busctl", "--system", "--timeout=1", "get-property", _DBUS,
               "/org/freedesktop/NetworkManager", _DBUS, "Metered"]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.fullmatch(r"u (\d+)\s*", done.stdout)
    return _METERED.get(int(found.group(1))) if found else None


def _default_interfaces(routes: str) -> list[str]:
    """Return the interfaces over which /proc/net/route leads anywhere."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    return [
        row[0]
        for row in rows
        if len(row) > 7 and row[1] == row[7] == "00000000" and int(row[3], 16) & _UP  # noqa: PLR2004
    ]
