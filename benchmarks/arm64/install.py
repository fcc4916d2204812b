"""The wheel and its dependencies as pip installs them on a 64-bit ARM board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.arm64.packages import PYTHON_VERSION

_TIMEOUT_S = 300
# what pip on Debian 12 accepts, the newest first
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_REPOSITORY = Path(__file__).parents[2]


def build_wheel(directory: Path) -> Path:
    """Build the wheel of this checkout.

    Raises:
        OSError: it cannot be built.
    """
    _call([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)])
    [wheel] = directory.glob("edge_runtime-*.whl")
    return wheel


def install(wheel: Path, site: Path) -> None:
    """Install the wheel with its dependencies for aarch64.

    Raises:
        OSError: a dependency has no wheel for it, or pip fails.
    """
    platforms = [word for each in _PLATFORMS for word in ("--platform", f"{each}_aarch64")]
    _call(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install",
         "--no-compile", "--target", str(site), "--python-version", PYTHON_VERSION,
         "--only-binary=:all:", *platforms, str(wheel)]
    )  # fmt: skip


def size_mb(directory: Path) -> float:
    """Return the size of the files below a directory, in MB of 10^6 bytes."""
    files = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def _call(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=_REPOSITORY, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise OSError(f"{' '.join(command[1:4])}: {lines[-1] if lines else done.returncode}")
