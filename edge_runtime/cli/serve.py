"""``serve``: this device as a node on the broker."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.cli.answering import open_assistant
from edge_runtime.cli.escalate import broker_settings
from edge_runtime.cli.options import Broker, BundleOption
from edge_runtime.cli.service import log_to_stderr, run_until_signalled, signals_held
from edge_runtime.cli.settings import load_settings
from edge_runtime.errors import ConfigError


def serve(
    broker: Broker = None,
    node: Annotated[
        str | None, typer.Option(help="This node's name; the host name if left out.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="5|3.1.1", help="The broker's newest MQTT version.")
    ] = None,
    bundle: BundleOption = None,
) -> None:
    """Answer requests on MQTT topics edge/v1/NODE/req/… until SIGTERM."""
    settings = load_settings(broker=broker, node=node, mqtt_protocol=protocol)
    if settings.broker is None:
        raise ConfigError("which broker? give --broker mqtt://localhost, or set EDGE_BROKER")
    log_to_stderr()
    with _owned(settings.state_directory) as state, signals_held():
        assistant = open_assistant(settings, bundle)

        from edge_runtime.bridge.node import Node

        run_until_signalled(
            Node(
                broker_settings(settings, settings.broker),
                assistant,
                name=settings.node_name,
                outbox=state / "outbox.db",
            )
        )


@contextlib.contextmanager
def _owned(directory: Path) -> Iterator[Path]:
    """Make the state directory and hold its lock, so that one process owns it.

    Raises:
        ConfigError: it cannot be made, or another process has it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (directory / "lock").open("w")
    except OSError as exc:
        raise ConfigError(
            f"the state directory {directory} cannot be used: {exc.strerror}; set EDGE_STATE"
        ) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise ConfigError(
                f"another node owns {directory}; stop it, or set EDGE_STATE to another directory"
            ) from exc
        yield directory
