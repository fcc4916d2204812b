"""The state directory: one process owns it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.errors import ConfigError

OUTBOX_FILE = "outbox.db"  # in the state directory


@contextlib.contextmanager
def owned(directory: Path) -> Iterator[Path]:
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
