"""What is installed for a service, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NAME = "edge-runtime"


@dataclass(frozen=True)
class Node:
    """How the node is started.

    ``program`` is the absolute path of ``edge-run``; ``environment`` holds ``EDGE_…`` variables;
    ``credentials`` maps a variable to the file that its own path takes the place of; members of
    ``group`` may use the node's local socket, nobody but root if it is empty.
    """

    program: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Path] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True)
class File:
    """A file to be written, or a symbolic link if it has a target instead of text."""

    path: Path
    text: str = ""
    mode: int = 0o644
    target: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that an installation does, and its removal undoes; paths are absolute.

    ``files`` are written in this order, then ``start`` is run. The removal runs ``stop``, deletes
    the files, the directories of them that are empty then, and ``made``: what the service manager
    makes for the service while it runs. ``state`` is what the service itself keeps. ``reload``
    ends a removal. ``shared`` are directories that others rely on, also when they are empty.
    ``then`` says what is left to be done by hand.
    """

    files: tuple[File, ...]
    start: tuple[tuple[str, ...], ...] = ()
    stop: tuple[tuple[str, ...], ...] = ()
    reload: tuple[tuple[str, ...], ...] = ()
    made: tuple[Path, ...] = ()
    state: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()
    then: tuple[str, ...] = ()
