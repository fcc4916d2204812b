"""Cuts what is received into MQTT packets (section 2.1 of MQTT 3.1.1 and 5); pure."""

from __future__ import annotations

_MORE = 0x80
_MOST_LENGTH_BYTES = 4


class Packets:
    """Keeps the beginning of a packet until the rest of it comes."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return first byte and body of each packet that is complete now.

        Raises:
            ValueError: a length of more than four bytes: this is no MQTT.
        """
        data = self._rest + data if self._rest else data
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while at + 1 < end:
            length = data[at + 1]
            begin = at + 2
            if length >= _MORE:
                measured = _long(data, at + 1)
                if measured is None:
                    break
                length, begin = measured
            if begin + length > end:
                break
            found.append((data[at], data[begin : begin + length]))
            at = begin + length
        self._rest = data[at:]
        return found


def _long(data: bytes, at: int) -> tuple[int, int] | None:
    """Return a length of several bytes and where it ends; None while a part of it is missing."""
    value = 0
    for number in range(_MOST_LENGTH_BYTES):
        if at + number >= len(data):
            return None
        byte = data[at + number]
        value |= (byte & 0x7F) << 7 * number
        if byte < _MORE:
            return value, at + number + 1
    raise ValueError("a packet with a length of more than four bytes")
