"""The board: what it is, what it can compute, its memory, heat and clock."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from edge_devices.clock import clock_is_synchronized
from edge_devices.pace import decide_pace
from edge_devices.probe import Board, big_cores
from edge_devices.profiles import Profile
from edge_devices.readings import read_text
from edge_devices.strain import Strain
from edge_runtime.cli.checks.finding import Finding

_ROOT = Path("/")
_INT8 = {
    "asimddp": "dot product", "i8mm": "i8mm", "avx512_vnni": "VNNI", "avx_vnni": "VNNI",
}  # fmt: skip
_LEAST_MEMORY_MB = 150  # ONNX Runtime, the default bundle and Python
_OLDEST_TIME = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def check_system(board: Board, root: Path = _ROOT) -> Finding:
    """Name the operating system and its kernel."""
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', read_text(root / "etc/os-release"), re.MULTILINE)
    name = found.group(1) if found else "Android" if board.android else "unknown system"
    kernel = read_text(root / "proc/sys/kernel/osrelease").strip()
    return Finding("system", True, ", ".join(filter(None, [name, kernel, board.machine])))


def check_board(board: Board, profile: Profile, chosen: str, root: Path = _ROOT) -> Finding:
    """Name the board, what its cores can do, and the profile; ``chosen`` is the board's own."""
    int8 = sorted({_INT8[feature] for feature in board.cpu_features & _INT8.keys()})
    big = big_cores(root)
    parts = [board.summary(), f"int8 by {' and '.join(int8)}" if int8 else "no int8 instructions"]
    parts += [f"big cores {','.join(map(str, big))}"] if big else []
    advice = "" if profile.name == chosen else f"the board's own would be {chosen}"
    return Finding("board", True, f"{', '.join(parts)}; profile {profile.name}", advice)


def check_memory(board: Board, profile: Profile, root: Path = _ROOT) -> Finding:
    """Compare what is free with what the profile lets a node hold."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", read_text(root / "proc/meminfo"), re.MULTILINE)
    if found is None or board.memory_mb is None:
        return Finding("memory", True, "not known")
    free_mb = int(found.group(1)) // 1024
    fact = f"{free_mb} of {board.memory_mb} MB free"
    if profile.memory_mb:
        fact += f", a node may hold {profile.memory_mb} MB"
    if free_mb < _LEAST_MEMORY_MB:
        return Finding(
            "memory", False, fact, "end other programs, or add zram: apt install zram-tools"
        )
    if free_mb < profile.memory_mb:
        return Finding(
            "memory", True, fact, f"large bundles will be short of it; set memory_mb = {free_mb}"
        )
    return Finding("memory", True, fact)


def check_heat(profile: Profile, strain: Strain) -> Finding:
    """Say how hot it is, and whether the board is or was throttled."""
    facts = []
    if strain.temperature_c is not None:
        facts.append(f"{strain.temperature_c:.0f} °C, slower from {profile.slow_at_c} °C")
    if strain.battery_percent is not None:
        facts.append(f"battery {strain.battery_percent:.0f} %")
    if strain.is_throttled is not None:
        facts.append("throttled now" if strain.is_throttled else "not throttled")
    fact = ", ".join(facts) or "no readings"
    if strain.is_under_voltage or strain.was_under_voltage:
        when = "now" if strain.is_under_voltage else "since boot"
        advice = "use the board's own power supply and a short, thick cable"
        return Finding("heat", True, f"{fact}, voltage too low {when}", advice)
    pace = decide_pace(profile, strain)
    if pace.level != "full":
        return Finding("heat", True, f"{fact}: {pace.reason}", "cool the board, or charge it")
    if strain.was_throttled:
        return Finding("heat", True, f"{fact}, but since boot it was", "add a heat sink or a fan")
    return Finding("heat", True, fact)


def check_clock(
    now: Callable[[], float] = time.time,
    is_synchronized: Callable[[], bool | None] = clock_is_synchronized,
) -> Finding:
    """Compare the clock with this release, and ask whether anybody keeps it right."""
    time_s = now()
    shown = datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    advice = "timedatectl set-ntp true, or install chrony"
    if time_s < _OLDEST_TIME:
        return Finding(
            "clock", False, f"{shown} is long ago: certificates will not be valid", advice
        )
    synchronized = is_synchronized()
    if synchronized is False:
        return Finding("clock", True, f"{shown}, kept right by nobody", advice)
    return Finding("clock", True, f"{shown}{', synchronized' if synchronized else ''}")
