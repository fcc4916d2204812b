"""One client of the local socket: frames in and out, for the server's thread and the command's."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from edge_runtime.cli.local_socket import frames

_CREDENTIALS = struct.Struct("3i")  # struct ucred, unix(7)
_HELD_BYTES = 1 << 20


class Connection:
    """A client's end of the local socket.

    The server's thread calls ``receive`` and ``flush``, the thread of the command ``send`` and
    ``next_input``. Sending never waits, so that a slow reader holds up nobody; but the next input
    is asked for only when what was sent before has been taken, but for ``_HELD_BYTES``.
    """

    def __init__(self, client: socket.socket, wake: Callable[[], None]) -> None:
        client.setblocking(False)
        self.socket = client
        self.is_ended = False
        self._wake = wake
        self._received = bytearray()
        self._unsent = bytearray()
        self._input: bytes | None = None
        self._is_gone = False
        self._has_spoken = False
        self._changed = threading.Condition()

    def credentials(self) -> tuple[int, int, int]:
        """Return process, user and group of the client, as the kernel knows them."""
        raw = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, group = _CREDENTIALS.unpack(raw)
        return process, user, group

    # the server's thread

    @property
    def has_unsent(self) -> bool:
        """Whether something waits for the client to read."""
        return bool(self._unsent)

    def receive(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the frames that have come.

        Raises:
            ConnectionError: the client is gone, or sends too much.
        """
        with contextlib.suppress(BlockingIOError):
            piece = self.socket.recv(frames.PIECE_BYTES)
            if not piece:
                raise ConnectionResetError("the client is gone")
            self._received += piece
        while len(self._received) >= frames.HEADER_BYTES:
            kind, length = frames.header(bytes(self._received[: frames.HEADER_BYTES]))
            if length > frames.LARGEST_BYTES:
                raise ConnectionAbortedError("the client sent a frame that is too large")
            end = frames.HEADER_BYTES + length
            if len(self._received) < end:
                return
            content = bytes(self._received[frames.HEADER_BYTES : end])
            del self._received[:end]
            yield kind, content

    def take_input(self, piece: bytes) -> None:
        """Hand a piece of standard input to the command."""
        with self._changed:
            self._input = piece
            self._changed.notify_all()

    def flush(self) -> None:
        """Send what the client takes now.

        Raises:
            ConnectionError: the client is gone.
        """
        with self._changed, contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: self.socket.send(self._unsent)]
                self._changed.notify_all()

    def close(self) -> None:
        """Note that the client is gone, which ends its command; and let go of it."""
        with self._changed:
            self._is_gone = True
            self._changed.notify_all()
        self.socket.close()

    # the command's thread

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for the result any more."""
        return self._is_gone

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a frame, or keep it until the client reads.

        Raises:
            BrokenPipeError: the client is gone.
        """
        with self._changed:
            self._send(kind, content)

    def next_input(self) -> bytes:
        """Return the next piece of the client's standard input, empty at its end.

        Raises:
            BrokenPipeError: the client is gone.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_gone or len(self._unsent) <= _HELD_BYTES)
            self._input = None
            self._send(frames.MORE)
            self._changed.wait_for(lambda: self._is_gone or self._input is not None)
            if self._input is None:
                raise BrokenPipeError("the client is gone")
            return self._input

    def decline(self, why: str) -> bool:
        """Say that the client has to run the command itself; False when it is too late for that."""
        with self._changed, contextlib.suppress(BrokenPipeError):
            if self._has_spoken:
                return False
            self._send(frames.DECLINED, why.encode("utf-8", "backslashreplace"))
        return True

    def end(self) -> None:
        """Let the server close this connection, once all is sent."""
        self.is_ended = True
        self._wake()

    def _send(self, kind: bytes, content: bytes = b"") -> None:
        if self._is_gone:
            raise BrokenPipeError("the client is gone")
        self._has_spoken |= kind in {frames.OUT, frames.ERROR, frames.MORE}
        had_unsent = bool(self._unsent)
        self._unsent += frames.frame(kind, content)
        if had_unsent:
            return
        with contextlib.suppress(OSError):  # the server's thread notices
            del self._unsent[: self.socket.send(self._unsent)]
        if self._unsent:
            self._wake()
