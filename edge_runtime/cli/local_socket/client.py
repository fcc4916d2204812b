"""The thin client: a running node answers, and this process only carries the bytes."""

from __future__ import annotations

import os
import socket

from edge_runtime.cli.local_socket import frames
from edge_runtime.errors import BadRequestError, UnavailableError
from edge_runtime.places import setting_sources

_TAKEN_TIMEOUT_S = 5.0
_STANDARD = (0, 1, 2)
_GONE = "the node went away; run the command again"


def forward(arguments: list[str], path: str) -> int | str:
    """Let the node at a socket run a command; return its exit status, or why it did not run it.

    A node that goes away before it has read or written anything is as good as none.

    Raises:
        UnavailableError: the node went away in the middle of its answer, or standard output cannot
            be written.
        BadRequestError: standard input cannot be read.
        BrokenPipeError: nobody reads standard output.
    """
    node = socket.socket(socket.AF_UNIX)
    with node:
        try:
            node.settimeout(_TAKEN_TIMEOUT_S)
            node.connect(path)
            node.sendall(_command(arguments))
            kind, content = _receive(node)
        except OSError as exc:
            return exc.strerror or str(exc)
        if kind != frames.TAKEN:
            return content.decode(errors="replace")
        node.settimeout(None)
        return _carry(node)


def _command(arguments: list[str]) -> bytes:
    terminals = "".join("01"[os.isatty(number)] for number in _STANDARD)
    try:
        directory = os.fsencode(os.getcwd())  # noqa: PTH109
    except OSError:  # it was deleted
        directory = b"/"
    sources = [os.fsencode(source) for source in setting_sources(os.environ)]
    words = [os.fsencode(word) for word in arguments]
    content = frames.describe(frames.VERSION, terminals, directory, sources, words)
    return frames.frame(frames.COMMAND, content)


def _carry(node: socket.socket) -> int | str:
    """Move bytes between the node and the standard streams until it says how it ended."""
    is_fresh = True
    while True:
        try:
            kind, content = _receive(node)
        except (OSError, UnavailableError) as exc:
            if is_fresh:
                return f"{exc}"
            raise
        if kind == frames.STATUS:
            return content[0]
        if kind == frames.DECLINED:
            return content.decode(errors="replace")
        is_fresh = False
        if kind == frames.MORE:
            _send(node, frames.frame(frames.INPUT, _read()))
        else:
            _write(1 if kind == frames.OUT else 2, content)


def _send(node: socket.socket, content: bytes) -> None:
    try:
        node.sendall(content)
    except OSError as exc:  # not the BrokenPipeError that tells of our own standard output
        raise UnavailableError(_GONE) from exc


def _receive(node: socket.socket) -> tuple[bytes, bytes]:
    kind, length = frames.header(_exactly(node, frames.HEADER_BYTES))
    return kind, _exactly(node, length)


def _exactly(node: socket.socket, length: int) -> bytes:
    pieces = []
    while length:
        piece = node.recv(length)
        if not piece:
            raise UnavailableError(_GONE)
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _read() -> bytes:
    try:
        return os.read(0, frames.PIECE_BYTES)
    except OSError as exc:
        raise BadRequestError(f"standard input cannot be read: {exc.strerror}") from exc


def _write(descriptor: int, content: bytes) -> None:
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except BrokenPipeError:
        raise  # the reader has seen enough
    except OSError as exc:
        raise UnavailableError(f"standard output cannot be written: {exc.strerror}") from exc
