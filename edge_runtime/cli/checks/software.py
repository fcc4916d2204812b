"""Python, ONNX Runtime and the bundle."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from edge_devices.probe import Board
from edge_devices.releases import why_bad
from edge_runtime.cli.checks.finding import Finding
from edge_runtime.errors import EdgeError
from edge_runtime.settings import Settings

_IMPORT_TIMEOUT_S = 120  # from an SD card
_IMPORT = "import onnxruntime as ort; print(ort.__version__)"
_64_BIT = 2**32
_INSTALL = "pip install --force-reinstall onnxruntime"
_LEAST_DISK_MB = 50
_LITTLE_DISK_MB = 300


def check_python(board: Board, *, is_wide: bool = sys.maxsize > _64_BIT) -> Finding:
    """See that Python is a 64-bit program: a 64-bit kernel often runs a 32-bit system."""
    version = ".".join(map(str, sys.version_info[:3]))
    if is_wide:
        return Finding("python", True, f"{version}, 64-bit")
    fact = f"{version}, 32-bit on {board.machine}"
    if board.machine in {"aarch64", "x86_64"}:
        advice = "the kernel is 64-bit, the system is not: install the 64-bit image"
    else:
        advice = "onnxruntime needs a 64-bit system: install the 64-bit image"
    return Finding("python", False, fact, advice)


def check_onnxruntime(board: Board, python: str = sys.executable) -> Finding:
    """Import it in a child process: a release that does not fit the CPU kills it with a signal."""
    known = _installed_version()
    bad = why_bad(known, board) if known else None
    try:
        child = subprocess.run(
            [python, "-c", _IMPORT],
            capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except OSError as exc:
        fact = f"{known}: not tried, since {python} cannot be started: {exc.strerror}"
        return Finding("onnxruntime", False, fact, "install Python anew")
    except subprocess.TimeoutExpired:
        fact = f"{known}: no import within {_IMPORT_TIMEOUT_S} s"
        return Finding("onnxruntime", False, fact, _INSTALL)
    if child.returncode < 0:
        reason = bad or "this release does not fit the CPU"
        fact = f"{known}: the import ends with signal {-child.returncode}: {reason}"
        return Finding("onnxruntime", False, fact, _another(known))
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["import failed"])[-1]
        return Finding("onnxruntime", False, last, _INSTALL)
    version = child.stdout.strip().splitlines()[-1]
    if bad := why_bad(version, board):
        return Finding("onnxruntime", False, f"{version}: {bad}", _another(version))
    return Finding("onnxruntime", True, version)


def check_bundle(settings: Settings) -> Finding:
    """Compare every file of the bundle with its hash."""
    from edge_runtime.bundles.store import Store

    try:
        opened = Store(settings.state_directory).open(settings.bundle)
    except EdgeError as exc:
        return Finding("bundle", False, str(exc), "choose another with EDGE_BUNDLE")
    if not opened.verified:
        advice = "nobody can tell whether it is whole; edge-export convert makes one that says"
        return Finding("bundle", True, f"{opened.model_name}, it has no bundle.json", advice)
    return Finding("bundle", True, f"{opened.model_name}, hashes verified")


def check_state(settings: Settings) -> Finding:
    """See that the state can be written, and that there is room for it."""
    directory = settings.state_directory
    existing = next(path for path in [directory, *directory.parents] if path.exists())
    disk = shutil.disk_usage(existing)
    free_mb = disk.free // 10**6
    fact = f"{directory}, {free_mb} MB free"
    if not os.access(existing, os.W_OK):
        return Finding("state", False, f"{directory} is not writable", _why_not_writable(existing))
    if disk.total == 0:  # /proc and its like
        return Finding("state", False, f"{directory} keeps no files", "set EDGE_STATE")
    if free_mb < _LEAST_DISK_MB:
        return Finding("state", False, fact, "delete something: the queue needs room to be safe")
    if free_mb < _LITTLE_DISK_MB:
        return Finding("state", True, fact, "an update needs more: edge-run models rm, apt clean")
    return Finding("state", True, fact)


def _why_not_writable(path: Path) -> str:
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return (
            "the file system is mounted read-only, as after an error: see dmesg; or set EDGE_STATE"
        )
    return "set EDGE_STATE"


def _installed_version() -> str:
    try:
        return importlib.metadata.version("onnxruntime")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _another(version: str) -> str:
    return f"pip install 'onnxruntime!={version}'" if version else _INSTALL
