"""What board this is, read from /proc and /sys; each reading may be missing."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from edge_devices.readings import read_text, temperature_c

# in the board's own name -> profile; first match wins
_BY_MODEL = [
    ("Raspberry Pi 5", "pi5"),
    ("Raspberry Pi 500", "pi5"),
    ("Raspberry Pi Compute Module 5", "pi5"),
    ("Raspberry Pi Zero 2", "pi-zero-2w"),
    ("Raspberry Pi 4", "pi4"),
    ("Raspberry Pi 400", "pi4"),
    ("Raspberry Pi Compute Module 4", "pi4"),
    ("Orin", "jetson-orin"),
]


@dataclass(frozen=True)
class Board:
    """Facts about the board; ``model`` is empty and numbers are None where nothing is known."""

    model: str
    machine: str
    cpu_features: frozenset[str]
    cores: int
    memory_mb: int | None
    temperature_c: float | None
    android: bool

    def summary(self) -> str:
        """Return the facts in one line."""
        parts = [self.model or self.machine, f"{self.cores} cores"]
        if self.memory_mb is not None:
            parts.append(f"{self.memory_mb} MB memory")
        if self.temperature_c is not None:
            parts.append(f"{self.temperature_c:.0f} °C")
        return ", ".join(parts)


def probe_board(root: Path = Path("/")) -> Board:
    """Read the board's facts below ``root``."""
    cpuinfo = read_text(root / "proc/cpuinfo")
    return Board(
        model=read_text(root / "proc/device-tree/model").strip("\0 \n"),
        machine=platform.machine(),
        cpu_features=_features(cpuinfo),
        cores=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or os.cpu_count() or 1,
        memory_mb=_memory_mb(read_text(root / "proc/meminfo")),
        temperature_c=temperature_c(root),
        android=(root / "system/build.prop").exists() or "ANDROID_ROOT" in os.environ,
    )


def big_cores(root: Path = Path("/")) -> tuple[int, ...]:
    """Return the numbers of the fastest cores, nothing where all are alike."""
    capacities: dict[int, int] = {}
    for path in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpu_capacity"):
        if (value := read_text(path).strip()).isdigit():
            capacities[int(path.parent.name.removeprefix("cpu"))] = int(value)
    highest = max(capacities.values(), default=0)
    big = tuple(sorted(core for core, value in capacities.items() if value == highest))
    return () if len(big) == len(capacities) else big


def choose_profile(board: Board) -> str:
    """Return the name of the profile that fits best."""
    for part, profile in _BY_MODEL:
        if part in board.model:
            return profile
    if board.android:
        return "android-termux"
    return "generic-x86_64" if board.machine in {"x86_64", "AMD64"} else "generic-arm64"


def _features(cpuinfo: str) -> frozenset[str]:
    found = re.search(r"^(?:Features|flags)\s*:(.*)$", cpuinfo, re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()


def _memory_mb(meminfo: str) -> int | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.MULTILINE)
    return int(found.group(1)) // 1024 if found else None
