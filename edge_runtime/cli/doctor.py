"""``doctor``: what this device is, and whether everything needed works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import typer

from edge_runtime.cli.options import Broker, Json
from edge_runtime.errors import ConfigError
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.cli.checks.finding import Finding


def doctor(broker: Broker = None, as_json: Json = False) -> None:
    """Check board, memory, heat, clock, Python, ONNX Runtime, bundle, state, certificates, broker.

    One line each: ok, warn or FAIL, and what to do. Exit status 1 if anything fails.
    """
    settings = load_settings(broker=broker)
    healthy = True
    for finding in _findings(settings):
        healthy &= finding.ok
        print(msgspec.json.encode(finding).decode() if as_json else finding.line(), flush=True)
    if not healthy:
        raise typer.Exit(1)


def _findings(settings: Settings) -> Iterator[Finding]:
    from edge_devices.probe import choose_profile, probe_board
    from edge_devices.profiles import UnknownProfileError, load_profile
    from edge_devices.strain import read_strain
    from edge_runtime.cli.checks import board as boards
    from edge_runtime.cli.checks import link, software

    board = probe_board()
    chosen = choose_profile(board)
    try:
        profile = load_profile(settings.profile or chosen)
    except UnknownProfileError as exc:
        raise ConfigError(f"profile: {exc}") from exc
    yield boards.check_system(board)
    yield boards.check_board(board, profile, chosen)
    yield boards.check_memory(board, profile)
    yield boards.check_heat(profile, read_strain())
    yield boards.check_clock()
    yield software.check_python(board)
    yield software.check_onnxruntime(board)
    yield software.check_bundle(settings)
    yield software.check_state(settings)
    yield from link.check_certificates(settings)
    yield link.check_broker(settings)
