"""The node's local socket: one thread for all clients, and one for each command that runs."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from edge_runtime.cli.local_socket import frames
from edge_runtime.cli.local_socket.connection import Connection
from edge_runtime.errors import ConfigError

_log = logging.getLogger(__name__)

MOST_CLIENTS = 16
_BACKLOG = 64
_MODE = 0o660
_COMMAND_TIMEOUT_S = 5.0
_DRAIN_TIMEOUT_S = 60.0
_LOOK_S = 1.0

Run = Callable[[Connection, bytes], None]


class SocketServer:
    """Listens at a path until it is stopped.

    ``run`` gets the connection and the content of ``COMMAND``, in a thread of its own.

    Raises:
        ConfigError: the path cannot be used, or another node listens there.
    """

    def __init__(self, path: Path, run: Run, *, most_clients: int = MOST_CLIENTS) -> None:
        self.path = path
        self._run = run
        self._most_clients = most_clients
        self._lock = _lock(path)
        try:
            self._listener = _listen(path)
        except OSError as exc:
            self._lock.close()
            raise ConfigError(f"{path} cannot be listened at: {exc.strerror or exc}") from exc
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._give_up: dict[Connection, float | None] = {}
        self._is_stopping = False
        self._thread = threading.Thread(target=self._serve, name="local-socket", daemon=True)

    def start(self) -> None:
        """Accept clients."""
        for each in (self._listener, self._woken):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """Let go of all clients, which ends their commands, and remove the socket."""
        self._is_stopping = True
        self._wake()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.path.unlink()
        for each in (self._listener, self._woken, self._waker, self._selector, self._lock):
            each.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _serve(self) -> None:
        while not self._is_stopping:
            for key, events in self._selector.select(_LOOK_S if self._give_up else None):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    self._move(key.data, events)
            self._review()
        for connection in list(self._give_up):
            self._drop(connection)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            connection = Connection(client, self._wake)
            _log.debug("local client: process %d, user %d, group %d", *connection.credentials())
            self._selector.register(client, selectors.EVENT_READ, connection)
            self._give_up[connection] = time.monotonic() + _COMMAND_TIMEOUT_S
            if len(self._give_up) > self._most_clients:
                connection.decline("it is busy with other commands")
                connection.end()

    def _move(self, connection: Connection, events: int) -> None:
        if connection not in self._give_up:
            return
        try:
            if events & selectors.EVENT_WRITE:
                connection.flush()
            if events & selectors.EVENT_READ:
                for kind, content in connection.receive():
                    self._received(connection, kind, content)
        except OSError as exc:
            _log.debug("local client: %s", exc)
            self._drop(connection)

    def _received(self, connection: Connection, kind: bytes, content: bytes) -> None:
        if kind == frames.INPUT:
            connection.take_input(content)
        elif kind == frames.COMMAND and self._give_up[connection] and not connection.is_ended:
            self._give_up[connection] = None
            threading.Thread(
                target=self._run, args=(connection, content), name="local-command", daemon=True
            ).start()

    def _review(self) -> None:
        """See for every client whether it is over, late, or has to be written to."""
        now = time.monotonic()
        for connection, give_up_at in list(self._give_up.items()):
            is_over = connection.is_ended and not connection.has_unsent
            if is_over or (give_up_at is not None and now >= give_up_at):
                self._drop(connection)
                continue
            if connection.is_ended and give_up_at is None:
                self._give_up[connection] = now + _DRAIN_TIMEOUT_S
            wanted = selectors.EVENT_READ
            if connection.has_unsent:
                wanted |= selectors.EVENT_WRITE
            self._selector.modify(connection.socket, wanted, connection)

    def _drop(self, connection: Connection) -> None:
        del self._give_up[connection]
        self._selector.unregister(connection.socket)
        connection.close()


def _lock(path: Path) -> IO[str]:
    """Hold the lock beside a socket, so that one that nobody holds is known to be left over."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        lock = path.with_name(f"{path.name}.lock").open("w")
    except OSError as exc:
        raise ConfigError(f"{path.parent} cannot be used: {exc.strerror}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        raise ConfigError(f"another node listens at {path}") from exc
    return lock


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        # the mode of the file is that of the descriptor, less what umask takes: never too wide
        os.fchmod(listener.fileno(), _MODE)
        listener.bind(os.fspath(path))
        path.chmod(_MODE)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
