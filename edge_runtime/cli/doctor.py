"""``doctor``: what this device is, and whether everything needed works."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import msgspec
import typer

from edge_runtime.cli.escalate import broker_settings
from edge_runtime.cli.options import Broker, Json
from edge_runtime.errors import EdgeError
from edge_runtime.settings import Settings, load_settings

_IMPORT_TIMEOUT_S = 60


class Finding(msgspec.Struct, frozen=True):
    """One line of the report; ``advice`` says what to do when ``ok`` is False."""

    check: str
    ok: bool
    fact: str
    advice: str = ""


def doctor(broker: Broker = None, as_json: Json = False) -> None:
    """Check the board, Python, ONNX Runtime, bundles, state directory and broker."""
    settings = load_settings(broker=broker)
    healthy = True
    for finding in _findings(settings):
        healthy &= finding.ok
        if as_json:
            print(msgspec.json.encode(finding).decode())
        else:
            mark = "ok  " if finding.ok else "FAIL"
            advice = f"; {finding.advice}" if finding.advice else ""
            print(f"{mark} {finding.check}: {finding.fact}{advice}")
    if not healthy:
        raise typer.Exit(1)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _board()
    yield _python()
    yield _onnxruntime()
    yield _bundle(settings)
    yield _state(settings)
    yield _broker(settings)


def _board() -> Finding:
    from edge_devices.probe import choose_profile, probe_board

    board = probe_board()
    return Finding("board", True, f"{board.summary()}, profile {choose_profile(board)}")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    wide = sys.maxsize > 2**32
    return Finding(
        "python",
        wide,
        f"{version}, {'64' if wide else '32'}-bit",
        "" if wide else "onnxruntime needs a 64-bit system: install the 64-bit image",
    )


def _onnxruntime() -> Finding:
    """Import in a child process: a release that does not fit the CPU kills it with a signal."""
    code = "import onnxruntime as ort; print(ort.__version__)"
    advice = "pip install --force-reinstall onnxruntime"
    try:
        child = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Finding("onnxruntime", False, f"no import within {_IMPORT_TIMEOUT_S} s", advice)
    if child.returncode == 0:
        return Finding("onnxruntime", True, child.stdout.strip())
    if child.returncode < 0:
        fact = f"the import ends with signal {-child.returncode}: this release does not fit the CPU"
        return Finding("onnxruntime", False, fact, "install another release, for example 1.20.1")
    last = (child.stderr.strip().splitlines() or ["import failed"])[-1]
    return Finding("onnxruntime", False, last, advice)


def _bundle(settings: Settings) -> Finding:
    from edge_runtime.bundles.store import Store

    try:
        opened = Store(settings.state_directory).open(settings.bundle)
    except EdgeError as exc:
        return Finding("bundle", False, str(exc), "choose another with EDGE_BUNDLE")
    note = "hashes verified" if opened.verified else "unverified: it has no bundle.json"
    return Finding("bundle", True, f"{opened.model_name}, {note}")


def _state(settings: Settings) -> Finding:
    import os
    import shutil

    directory = settings.state_directory
    existing = next(path for path in [directory, *directory.parents] if path.exists())
    free_mb = shutil.disk_usage(existing).free // 10**6
    if not os.access(existing, os.W_OK):
        return Finding("state", False, f"{directory} is not writable", "set EDGE_STATE")
    return Finding("state", True, f"{directory}, {free_mb} MB free")


def _broker(settings: Settings) -> Finding:
    if settings.broker is None:
        return Finding("broker", True, "none configured; set EDGE_BROKER to serve over MQTT")
    from edge_runtime.bridge.cloud.remote import check_broker

    try:
        check_broker(broker_settings(settings, settings.broker))
    except EdgeError as exc:
        return Finding("broker", False, str(exc))
    return Finding("broker", True, f"{settings.broker} accepts this node")
