"""Standard streams of a process that runs commands for others: each thread has its client's."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

from edge_runtime.cli.local_socket.call import Call, current_call

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Send = Callable[[bytes], None]
Receive = Callable[[], bytes]


def route_standard_streams() -> None:
    """Give every call its client's streams for ``sys.stdin``, ``stdout`` and ``stderr``, for good.

    What no call writes goes where it went before, and so does what holds the stream already, such
    as logging.
    """
    sys.stdin = cast("TextIO", _Routed(sys.stdin, lambda call: call.stdin))
    sys.stdout = cast("TextIO", _Routed(sys.stdout, lambda call: call.stdout))
    sys.stderr = cast("TextIO", _Routed(sys.stderr, lambda call: call.stderr))


def input_stream(receive: Receive, *, is_terminal: bool) -> TextIO:
    """Return a standard input that takes its pieces from ``receive``, empty at the end."""
    raw = io.BufferedReader(_Input(receive, is_terminal=is_terminal))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")


def output_stream(send: Send, *, is_terminal: bool, is_buffered: bool) -> TextIO:
    """Return a standard output, or an error stream, which is not buffered longer than a line."""
    raw = io.BufferedWriter(_Output(send, is_terminal=is_terminal))
    return io.TextIOWrapper(
        raw,
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=is_terminal or not is_buffered,
    )


class _Routed:
    """Stands for the stream of the current call, or the process's own."""

    def __init__(self, own: TextIO, of: Callable[[Call], TextIO]) -> None:
        self._own = own
        self._of = of

    def __getattr__(self, name: str) -> object:
        call = current_call()
        return getattr(self._own if call is None else self._of(call), name)

    def __iter__(self) -> object:
        call = current_call()
        return iter(self._own if call is None else self._of(call))


class _Input(io.RawIOBase):
    def __init__(self, receive: Receive, *, is_terminal: bool) -> None:
        self._receive = receive
        self._is_terminal = is_terminal
        self._piece = b""
        self._is_over = False

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._is_terminal

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        if not self._piece and not self._is_over:
            self._piece = self._receive()
            self._is_over = not self._piece
        length = min(len(target), len(self._piece))
        target[:length] = self._piece[:length]
        self._piece = self._piece[length:]
        return length


class _Output(io.RawIOBase):
    def __init__(self, send: Send, *, is_terminal: bool) -> None:
        self._send = send
        self._is_terminal = is_terminal

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, content: ReadableBuffer) -> int:
        copy = bytes(content)
        self._send(copy)
        return len(copy)
