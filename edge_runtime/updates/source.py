"""Where a repository is read: a directory, such as a USB stick, or HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edge_runtime.errors import UnavailableError, UpdateError


class Source(Protocol):
    """A repository of plain files; ``uses_link`` is whether reading it takes the network."""

    uses_link: bool

    def read(self, path: str, most_bytes: int) -> bytes:
        """Return a file of the repository.

        Raises:
            UnavailableError: it is not there, or the source cannot be reached.
            UpdateError: it is larger than ``most_bytes``.
        """

    def close(self) -> None:
        """Let go of a connection; a later read makes a new one."""


class DirectorySource:
    """A repository in a directory, which may come and go."""

    uses_link = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str, most_bytes: int) -> bytes:
        """Return a file of the directory; errors as in ``Source``."""
        where = self._root / path
        try:
            with where.open("rb") as file:
                content = file.read(most_bytes + 1)
        except OSError as exc:
            raise UnavailableError(f"{where} cannot be read: {exc.strerror}") from exc
        if len(content) > most_bytes:
            raise UpdateError(f"{where} is larger than {most_bytes} bytes; it is refused")
        return content

    def close(self) -> None:
        """Do nothing: no file stays open."""


def open_source(url: str, timeout_s: float) -> Source:
    """Return the source that a setting names: a URL or a directory.

    Raises:
        ConfigError: it is a URL of another kind than HTTP, or without a host.
    """
    if "://" not in url:
        return DirectorySource(Path(url).expanduser())
    from edge_runtime.updates.http_source import HttpSource  # noqa: PLC0415 - takes 30 ms

    return HttpSource(url, timeout_s)
