"""What stands before every cluster: one address, behind which somebody always listens."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Sequence

_HOST = "127.0.0.1"
_BLOCK_BYTES = 64 * 1024


class Balancer:
    """Forwards TCP connections to the ports in turn, and to the next where nobody answers."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._number = len(ports)
        self._listener = socket.create_server((_HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self) -> None:
        """Begin to forward."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections; those that are open end with their peers."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._connected()
            if server is None:
                client.close()
                continue
            for source, target in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=_forward, args=(source, target), daemon=True).start()

    def _connected(self) -> socket.socket | None:
        for port in itertools.islice(self._ports, self._number):
            with contextlib.suppress(OSError):
                return socket.create_connection((_HOST, port), timeout=2.0)
        return None


@contextlib.contextmanager
def balanced(ports: Sequence[int]) -> Iterator[int]:
    """Yield the one port for these."""
    balancer = Balancer(ports)
    balancer.start()
    try:
        yield balancer.port
    finally:
        balancer.stop()


def _forward(source: socket.socket, target: socket.socket) -> None:
    source.settimeout(None)
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK_BYTES):
            target.sendall(block)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
