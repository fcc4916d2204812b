"""The extra packages that the workstation commands need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edge_runtime.errors import ConfigError


@contextlib.contextmanager
def needs_extra() -> Iterator[None]:
    """Turn a missing package into the command that installs it.

    Raises:
        ConfigError: a package of the extra ``export`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"{exc.name} is not installed: pip install 'edge-runtime[export]'"
        ) from exc
