"""What a figure depends on besides the code that made it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("edge-runtime", "numpy", "onnx", "onnxruntime", "torch", "transformers")
_REPOSITORY = Path(__file__).parents[2]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that take part."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def commit() -> dict[str, str | bool]:
    """The commit of this checkout, and whether files differ from it."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "is_modified": bool(_git("status", "--porcelain")),
    }


def cpu_model() -> str:
    """The CPU's name, or its architecture where the system has none."""
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_REPOSITORY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
