"""Finds mosquitto, or unpacks it from its Debian packages: no root, no system service."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_TIMEOUT_S = 300


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
    target = directory or _default_directory()
    if not (target / "usr/sbin/mosquitto").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            work = Path(name)
            for package in _download(work):
                _call(["dpkg-deb", "-x", str(package), str(work / "root")], work)
            if not (work / "root/usr/sbin/mosquitto").is_file():
                raise FileNotFoundError("the Debian packages hold no usr/sbin/mosquitto")
            try:
                (work / "root").rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster
                    raise
    libraries = [*target.glob("usr/lib/*-linux-*"), *target.glob("lib/*-linux-*")]
    environ = {"LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))}
    return Mosquitto(target / "usr/sbin/mosquitto", environ)


def _default_directory() -> Path:
    prefix = Path(sys.prefix)
    if os.access(prefix, os.W_OK):
        return prefix / "share/edge-runtime/mosquitto"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "edge-runtime/mosquitto"


def _download(work: Path) -> list[Path]:
    """Fetch mosquitto and the packages it needs that are not installed."""
    options = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]
    try:
        names = _missing_packages(options, work)
    except OSError:
        # no package lists here, as in a fresh container: fetch them, but for us only
        options += _private_options(work)
        _call(["apt-get", *options, "update"], work)
        names = _missing_packages(options, work)
    packages = work / "packages"
    packages.mkdir()
    _call(["apt-get", *options, "download", *names], packages)
    return sorted(packages.glob("*.deb"))


def _missing_packages(options: list[str], work: Path) -> list[str]:
    command = ["apt-get", *options, "--simulate", "install", "--no-install-recommends"]
    plan = _call([*command, "mosquitto"], work)
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    return names or ["mosquitto"]


def _private_options(work: Path) -> list[str]:
    state, cache = work / "state", work / "cache"
    for path in (state / "lists/partial", cache / "archives/partial"):
        path.mkdir(parents=True)
    return ["-o", f"Dir::State={state}", "-o", f"Dir::State::Lists={state / 'lists'}",
            "-o", f"Dir::Cache={cache}"]  # fmt: skip


def _call(command: list[str], directory: Path) -> str:
    try:
        return subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        ).stdout
    except subprocess.SubprocessError as exc:
        lines = str(getattr(exc, "stderr", "") or exc).strip().splitlines()
        raise OSError(f"{command[0]} failed: {lines[-1] if lines else exc}") from exc
