"""What a figure depends on besides the code that made it."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of Python and of the packages that take part."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def commit() -> dict[str, str | bool]:
    """The commit of this checkout, and whether files differ from it."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "is_modified": bool(_git("status", "--porcelain")),
    }


def cpu() -> dict[str, str | int]:
    """The CPU's name, or its architecture where the system has none, and the cores it gives us."""
    return {"cpu": _cpu_model(), "cores": len(os.sched_getaffinity(0))}


def load_average() -> list[float]:
    """How many processes wanted to run in the last 1, 5 and 15 minutes."""
    return [round(each, 2) for each in os.getloadavg()]


def busy_cores(seconds: float, stat: Path = Path("/proc/stat")) -> float:
    """How many cores worked in the next ``seconds``, for us or others, neighbours included.

    While all contestants wait, that is other work. 0 where the system does not say.
    """
    before = _ticks(stat)
    time.sleep(seconds)
    busy, total = (after - now for after, now in zip(_ticks(stat), before, strict=True))
    return (os.cpu_count() or 1) * busy / total if total else 0.0


def _ticks(stat: Path) -> tuple[int, int]:
    """Return the ticks in which a core was busy or stolen, and all ticks, since the start."""
    if not stat.exists():
        return 0, 0
    fields = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_REPOSITORY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
