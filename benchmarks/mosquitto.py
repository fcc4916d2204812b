"""Finds mosquitto, or unpacks it from its Debian packages: no root, no system service."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.debian import library_path, unpack

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_PROGRAM = "usr/sbin/mosquitto"


@dataclass(frozen=True)
class Mosquitto:
    """A program that runs, and what its environment needs for that."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)


def find_mosquitto() -> Mosquitto | None:
    """Return the mosquitto of this machine, if it has one."""
    search = os.pathsep.join([os.environ.get("PATH", ""), *_PLACES])
    found = shutil.which("mosquitto", path=search)
    return Mosquitto(Path(found)) if found else None


def unpack_mosquitto(directory: Path | None = None) -> Mosquitto:
    """Fetch and unpack mosquitto once, below the Python environment or the user's cache.

    Raises:
        OSError: this is no Debian, or its packages cannot be fetched or do not run here.
    """
    target = unpack("mosquitto", directory, program=_PROGRAM)
    return Mosquitto(target / _PROGRAM, {"LD_LIBRARY_PATH": library_path(target)})
