"""Two connections that send cases, of MQTT 3.1.1 and 5, and come back whenever they are cut."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import socket
from collections.abc import Callable, Sequence

from benchmarks.fuzz.cases import ESCALATION, Case
from benchmarks.fuzz.packets import (
    CONNACK,
    PINGREQ,
    PINGRESP,
    PUBACK,
    Stream,
    connect,
    properties,
    publish,
)

_TIMEOUT_S = 30.0
_PATIENCE_S = 0.05
_CHUNK_BYTES = 65_536
_FAILED = 0x80  # reason codes from here on


class Attacker:
    """Sends to one broker; ``escalation`` gives the id that a worker was asked under last."""

    def __init__(self, address: tuple[str, int], escalation: Callable[[], str]) -> None:
        self.cut = 0
        self._address = address
        self._escalation = escalation
        self._numbers = itertools.count(1)
        self._links: dict[bool, _Link] = {}

    def send(self, cases: Sequence[Case]) -> dict[str, Case]:
        """Send cases; return those that have to be answered, by the key that names each."""
        due: dict[str, Case] = {}
        for is_v5 in (False, True):
            mine = [case for case in cases if case.is_v5 is is_v5]
            together = [case for case in mine if not case.is_odd]
            for group in ([together] if together else []) + [[c] for c in mine if c.is_odd]:
                due.update(self._send(group, is_v5=is_v5))
        return due

    def close(self) -> None:
        """Close the connections."""
        for link in self._links.values():
            link.close()

    def _send(self, cases: Sequence[Case], *, is_v5: bool) -> dict[str, Case]:
        link = self._links.get(is_v5)
        if link is None:
            link = self._links[is_v5] = _Link(self._address, is_v5=is_v5)
        keyed = {f"f-{next(self._numbers)}": case for case in cases}
        packets = {
            key: _packet(case, key, number, self._escalation()) if case.raw is None else case.raw
            for number, (key, case) in enumerate(keyed.items(), 1)
        }
        # the beginning of a long packet leaves the broker waiting for the rest
        patience_s = _PATIENCE_S if any(case.raw for case in cases) else _TIMEOUT_S
        is_whole, taken = link.exchange(b"".join(packets.values()), patience_s)
        if not is_whole:
            self.cut += 1
            link.close()
            del self._links[is_v5]
        return {
            key: case
            for number, (key, case) in enumerate(keyed.items(), 1)
            if case.is_identified and (number in taken if case.qos else is_whole)
        }


class _Link:
    def __init__(self, address: tuple[str, int], *, is_v5: bool) -> None:
        self._is_v5 = is_v5
        self._stream = Stream()
        self._socket = socket.create_connection(address, timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(connect(f"fuzz-{secrets.token_hex(4)}", is_v5=is_v5))
        if not self._read_until(CONNACK, set()):
            raise ConnectionError("the broker does not take the fuzzer's connection")

    def exchange(self, data: bytes, patience_s: float) -> tuple[bool, set[int]]:
        """Send, and wait for what follows.

        Return whether the connection still stands, and the packet ids that were acknowledged.
        """
        taken: set[int] = set()
        self._socket.settimeout(patience_s)
        try:
            self._socket.sendall(data + PINGREQ)
            return self._read_until(PINGRESP, taken), taken
        except OSError:
            return False, taken

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _read_until(self, last: int, taken: set[int]) -> bool:
        while True:
            data = self._socket.recv(_CHUNK_BYTES)
            if not data:
                return False
            for kind, body in self._stream.packets(data):
                if kind == PUBACK and (len(body) < 3 or body[2] < _FAILED):  # noqa: PLR2004
                    taken.add(int.from_bytes(body[:2], "big"))
                if kind == last:
                    return True


def _packet(case: Case, key: str, number: int, escalation: str) -> bytes:
    """Return the packet of a case that can be told apart by its key."""
    body = case.body
    if isinstance(body, dict):
        named = {**body, "id": key} if case.is_identified else body
        if named.get("id") == ESCALATION:
            named = {**named, "id": escalation}
        body = json.dumps(named).encode()
    found = None
    if case.is_v5:
        found = properties(
            correlation=key.encode() if case.is_identified else None,
            content_type=case.content_type,
            response_topic=case.response_topic,
            expiry_s=case.expiry_s,
            user=case.user,
        )
        found = found if case.properties is None else case.properties
    return publish(case.topic, body, number if case.qos else 0, found, retain=case.retain)
