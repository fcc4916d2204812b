"""Debian packages unpacked below a directory of ours: no root, no service, nothing installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_TIMEOUT_S = 300


def unpack(package: str, target: Path | None = None, *, program: str | None = None) -> Path:
    """Fetch a package and those it needs that are not installed, once; return the directory.

    Without ``target`` that is below the Python environment, or the user's cache where that one
    cannot be written. ``program`` is the path of a file that has to be in it.

    Raises:
        OSError: this is no Debian, the packages cannot be fetched, or do not hold the program.
    """
    target = target or _default_directory() / package
    if target.is_dir() and (program is None or (target / program).is_file()):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        work = Path(name)
        for each in _download(package, work):
            _call(["dpkg-deb", "-x", str(each), str(work / "root")], work)
        if program is not None and not (work / "root" / program).is_file():
            raise FileNotFoundError(f"the Debian packages hold no {program}")
        try:
            (work / "root").rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise
    return target


def library_path(directory: Path) -> str:
    """Return what programs that were unpacked there need as ``LD_LIBRARY_PATH``."""
    libraries = [*directory.glob("usr/lib/*-linux-*"), *directory.glob("lib/*-linux-*")]
    return os.pathsep.join(map(str, libraries))


def _default_directory() -> Path:
    prefix = Path(sys.prefix)
    if os.access(prefix, os.W_OK):
        return prefix / "share/edge-runtime"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "edge-runtime"


def _download(package: str, work: Path) -> list[Path]:
    """Fetch a package and those it needs that are not installed."""
    options = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]
    try:
        names = _missing(package, options, work)
    except OSError:
        # no package lists here, as in a fresh container: fetch them, but for us only
        options += _private_options(work)
        _call(["apt-get", *options, "update"], work)
        names = _missing(package, options, work)
    packages = work / "packages"
    packages.mkdir()
    _call(["apt-get", *options, "download", *names], packages)
    return sorted(packages.glob("*.deb"))


def _missing(package: str, options: list[str], work: Path) -> list[str]:
    command = ["apt-get", *options, "--simulate", "install", "--no-install-recommends", package]
    plan = _call(command, work)
    return [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")] or [package]


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
