"""How hard it is for the board now: heat, battery, supply voltage, and whether it is throttled."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_devices.readings import discharging_battery_percent, read_text, temperature_c

_TIMEOUT_S = 3.0
# bits of Raspberry Pi's get_throttled: now, and 16 higher since boot
_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 1, 2, 4, 8
_CPU_COOLING = re.compile(r"cpufreq|^Processor$")

RunProgram = Callable[[str, str], str]


@dataclass(frozen=True)
class Strain:
    """Readings of this moment; None where the board does not say.

    ``battery_percent`` is None on mains; ``is_throttled`` is True while the CPU is kept slower than
    it could be; ``was_throttled`` and ``was_under_voltage`` count since the board was started.
    """

    temperature_c: float | None = None
    battery_percent: float | None = None
    is_under_voltage: bool | None = None
    is_throttled: bool | None = None
    was_under_voltage: bool | None = None
    was_throttled: bool | None = None


def read_strain(
    root: Path = Path("/"),
    run: RunProgram | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Strain:
    """Read /sys, else ask ``vcgencmd`` on a Raspberry Pi and ``termux-battery-status`` on a phone.

    ``run`` starts a program with one argument and returns what it prints, nothing on failure.
    """
    run = run or run_program
    if "TERMUX_VERSION" in environ:
        # Android hides /sys/class/thermal; the battery is what becomes too hot in a pocket
        return _phone(run)
    flags = _raspberry_flags(root, run)
    cooled = _cpu_is_cooled(root)
    under_voltage = None if flags is None else bool(flags & _UNDER_VOLTAGE)
    if flags is None:
        return Strain(temperature_c(root), discharging_battery_percent(root), None, cooled)
    slower = _CAPPED | _THROTTLED | _SOFT_LIMIT
    return Strain(
        temperature_c=temperature_c(root),
        battery_percent=discharging_battery_percent(root),
        is_under_voltage=under_voltage,
        is_throttled=bool(flags & slower) or bool(cooled),
        was_under_voltage=bool(flags >> 16 & _UNDER_VOLTAGE),
        was_throttled=bool(flags >> 16 & slower),
    )


def run_program(program: str, argument: str) -> str:
    """Start a program and return what it prints, nothing if it is missing, fails or hangs."""
    command = [program, argument] if argument else [program]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _raspberry_flags(root: Path, run: RunProgram) -> int | None:
    # the file is there without rights on /dev/vcio, but only in Raspberry Pi's own kernel
    files = sorted((root / "sys/devices/platform").glob("soc*/*firmware/get_throttled"))
    if files:
        said = read_text(files[0]).strip()
    elif "Raspberry Pi" in read_text(root / "proc/device-tree/model"):
        said = run("vcgencmd", "get_throttled").strip().removeprefix("throttled=")
    else:
        return None
    try:
        return int(said, 16)
    except ValueError:
        return None


def _cpu_is_cooled(root: Path) -> bool | None:
    """Whether the kernel holds the CPU's clock down because of heat; None if it never does."""
    states = [
        read_text(path / "cur_state").strip()
        for path in sorted((root / "sys/class/thermal").glob("cooling_device*"))
        if _CPU_COOLING.search(read_text(path / "type").strip())
    ]
    numbers = [int(state) for state in states if state.isdigit()]
    return any(numbers) if numbers else None


def _phone(run: RunProgram) -> Strain:
    """Read the battery through the app Termux:API."""
    try:
        said = json.loads(run("termux-battery-status", ""))
        percent = float(said["percentage"]) if said["status"] == "DISCHARGING" else None
        return Strain(temperature_c=float(said["temperature"]), battery_percent=percent)
    except (ValueError, KeyError, TypeError):
        return Strain()
