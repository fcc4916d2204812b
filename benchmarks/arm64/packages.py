"""Debian packages of another architecture, fetched with apt and unpacked without installation."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_TIMEOUT_S = 300
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCE = "deb [signed-by={keyring}] http://deb.debian.org/debian {suite} main\n"

SUITE = "bookworm"
# all that the wheels link against, and nothing that only a bootable system needs
PYTHON = ("python3-minimal", "libpython3.11-stdlib", "libstdc++6", "libgomp1")
PYTHON_VERSION = "3.11"
EMULATOR = "qemu-user-static"


def unpack(packages: tuple[str, ...], architecture: str, into: Path, work: Path) -> None:
    """Unpack packages with all that they depend on; their scripts do not run.

    Raises:
        OSError: this is no Debian, or the packages cannot be fetched.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise OSError(f"{tool} is missing: this needs Debian or one of its relatives")
    options = _options(architecture, work)
    _call(["apt-get", *options, "update"])
    _call(["apt-get", *options, "--yes", "--no-install-recommends", "--download-only",
           "install", *packages])  # fmt: skip
    into.mkdir(parents=True, exist_ok=True)
    for package in sorted((work / "cache/archives").glob("*.deb")):
        _call(["dpkg-deb", "-x", str(package), str(into)])


def _options(architecture: str, work: Path) -> list[str]:
    """Return what makes apt work in a directory of its own, as on a machine with nothing on it."""
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    (work / "etc/sources.list").write_text(_SOURCE.format(keyring=_KEYRING, suite=SUITE))
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "30",
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Etc::sourcelist": work / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _call(command: list[str]) -> None:
    try:
        subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.SubprocessError as exc:
        lines = str(getattr(exc, "stderr", "") or exc).strip().splitlines()
        raise OSError(f"{command[0]} failed: {lines[-1] if lines else exc}") from exc
