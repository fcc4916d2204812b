"""Secrets: from the environment or from a private file, never from a command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge_runtime.errors import ConfigError

_OTHERS = 0o077


def read_secret(environ: Mapping[str, str], name: str) -> str | None:
    """Return the variable ``name``, else the content of the file that ``name_FILE`` names.

    Raises:
        ConfigError: the file cannot be read, is empty, or others can read it.
    """
    if value := environ.get(name):
        return value
    if path := environ.get(f"{name}_FILE"):
        return read_secret_file(Path(path))
    return None


def read_secret_file(path: Path) -> str:
    """Return the first line of a file that only its owner may read.

    Raises:
        ConfigError: the file cannot be read, is empty, or others can read it.
    """
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.readline().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the secret in {path} cannot be read: {_why(exc)}") from exc
    _check_mode(path, mode)
    if not secret:
        raise ConfigError(f"{path} is empty; write the secret into its first line")
    return secret


def check_private(path: Path) -> None:
    """Check that only its owner may read a file, for example a private key.

    Raises:
        ConfigError: it is not there, or others can read it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as exc:
        raise ConfigError(f"the secret in {path} cannot be read: {_why(exc)}") from exc
    _check_mode(path, mode)


def _check_mode(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        raise ConfigError(f"{path} holds a secret but others can read it; run: chmod 600 {path}")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8"
