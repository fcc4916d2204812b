"""``python -m benchmarks.load.clients``: many clients in one process, measured from outside.

Each client keeps so many requests under way and asks again when one is answered. The last line of
stdout is a JSON document: latencies in milliseconds by client, and what the node said of each.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import selectors
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from benchmarks.load import packets

_TIMEOUT_S = 60.0
_FLOOD = "flood"
# a request that comes again is answered from the record
_RUN = secrets.token_bytes(8)


class _Timing(msgspec.Struct, frozen=True):
    queue: float = 0.0
    infer: float = 0.0


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Answer(msgspec.Struct, frozen=True):
    status: str = ""
    ms: _Timing = _Timing()
    error: _Error | None = None


_answers = msgspec.json.Decoder(_Answer)


@dataclass
class Client:
    """One connection and what it has seen."""

    name: str
    sock: socket.socket
    topic: str
    window: int
    left: int
    received: packets.Received = field(default_factory=packets.Received)
    under_way: dict[bytes, float] = field(default_factory=dict)
    number: int = 0
    total_ms: list[float] = field(default_factory=list)
    model_ms: list[float] = field(default_factory=list)
    refused: int = 0
    ended_s: float = 0.0

    def next_requests(self, text: bytes) -> bytes:
        """Return the packets that fill the window up."""
        out = bytearray()
        while self.left and len(self.under_way) < self.window:
            self.left -= 1
            self.number += 1
            correlation = _RUN + struct.pack("!I", self.number) + self.name.encode()
            self.under_way[correlation] = time.perf_counter()
            packet_id = self.number % 65_535 + 1
            out += packets.publish(self.topic, text, packet_id, correlation)
        return bytes(out)

    def take(self, data: bytes) -> bytes:
        """Note the answers in what was received; return what has to be sent for it."""
        now = time.perf_counter()
        out = bytearray()
        for first, body in self.received.packets(data):
            if first & 0xF0 != packets.PUBLISH:
                continue
            packet_id, correlation, payload = packets.published(body)
            out += packets.puback(packet_id)
            begun = self.under_way.pop(correlation, None)
            if begun is None:
                continue
            answer = _answers.decode(payload)
            if answer.error is not None:
                self.refused += 1
            else:
                self.total_ms.append((now - begun) * 1e3)
                self.model_ms.append(answer.ms.queue + answer.ms.infer)
            self.ended_s = now
        return bytes(out)


def run(clients: Sequence[Client], text: bytes) -> float:
    """Ask until all have asked all; return the seconds it took.

    Raises:
        TimeoutError: nothing was answered for a minute.
    """
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.sock, selectors.EVENT_READ, client)
    started = time.perf_counter()
    for client in clients:
        client.sock.sendall(client.next_requests(text))
    while any(client.under_way for client in clients):
        ready = selector.select(_TIMEOUT_S)
        if not ready:
            raise TimeoutError(f"{sum(len(c.under_way) for c in clients)} requests have no answer")
        for key, _ in ready:
            client = key.data
            out = client.take(client.sock.recv(65_536))
            # a broker that nobody has configured waits 40 ms for the kernel's acknowledgement
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            client.sock.sendall(out + client.next_requests(text))
    return time.perf_counter() - started


def open_client(port: int, node: str, name: str, *, window: int, requests: int) -> Client:
    """Connect, and subscribe to the answers."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(_TIMEOUT_S)
    sock.sendall(packets.connect(f"load-{name}-{time.monotonic_ns()}"))
    _await(sock, packets.CONNACK)
    sock.sendall(packets.subscribe(f"edge/v1/{node}/res/{name}"))
    _await(sock, packets.SUBACK)
    return Client(name, sock, f"edge/v1/{node}/req/ask/{name}", window, requests)


def _await(sock: socket.socket, kind: int) -> None:
    received = packets.Received()
    while True:
        for first, _ in received.packets(sock.recv(4096)):
            if first & 0xF0 == kind:
                return


def main() -> None:
    """Run as the arguments say and print the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--window", type=int, default=1, help="requests under way per client")
    parser.add_argument("--requests", type=int, default=1000, help="of each client")
    parser.add_argument("--flood", type=int, default=0, help="requests at once of one more client")
    parser.add_argument("--text", default="turn on the light in the kitchen")
    options = parser.parse_args()
    clients = [
        open_client(options.port, options.node, f"c{number}", window=options.window,
                    requests=options.requests)
        for number in range(options.clients)
    ]  # fmt: skip
    if options.flood:
        flood = open_client(
            options.port, options.node, _FLOOD, window=options.flood, requests=options.flood
        )
        clients.insert(0, flood)  # asks first, all at once
    seconds = run(clients, options.text.encode())
    used = resource.getrusage(resource.RUSAGE_SELF)
    document = {
        "seconds": seconds,
        "cpu_s": used.ru_utime + used.ru_stime,
        "clients": [
            {"name": c.name, "total_ms": c.total_ms, "model_ms": c.model_ms, "refused": c.refused,
             "ended_s": c.ended_s}
            for c in clients
        ],
    }  # fmt: skip
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main()
