"""Verbs about what a running node holds: the node does them, since it owns the files."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from edge_runtime.places import client_sockets


def let_node_do(arguments: list[str]) -> None:
    """Let a running node run the command, and exit as it says; return if there is none."""
    from edge_runtime.cli.local_socket.client import forward

    for path in client_sockets(os.environ):
        outcome = forward(arguments, path) if Path(path).exists() else None
        if isinstance(outcome, int):
            raise typer.Exit(outcome)
