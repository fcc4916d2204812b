"""More cases out of those that were drawn: fields exchanged, and packets with wrong bytes in them.

Drawing a case takes ten times as long as a node needs to answer it.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections import deque
from collections.abc import Iterable

from benchmarks.fuzz.cases import Case
from benchmarks.fuzz.packets import properties, publish

_POOL = 2000
_ODD_PERCENT = 5
_OTHER_PERCENT = 25
_WRONG_BYTES = 4
_LONGEST = 2000  # of a packet that is broken: the rest of a long one is of no interest


class Recombination:
    """Takes cases in, and gives new ones of the same kinds; the generator decides all."""

    def __init__(self, generator: random.Random) -> None:
        self._random = generator
        self._requests: deque[Case] = deque(maxlen=_POOL)
        self._others: deque[Case] = deque(maxlen=_POOL)

    def feed(self, cases: Iterable[Case]) -> None:
        """Take in what was drawn."""
        for case in cases:
            if not case.is_odd:
                (self._others if case.client is None else self._requests).append(case)

    def cases(self, number: int) -> list[Case]:
        """Return new cases; none before there is one of each kind."""
        if not (self._requests and self._others):
            return []
        return [self._case(self._random.randrange(100)) for _ in range(number)]

    def _case(self, percent: int) -> Case:
        if percent < _ODD_PERCENT:
            return self._broken(self._request())
        if percent < _ODD_PERCENT + _OTHER_PERCENT:
            return self._mixed(self._others)
        return self._request()

    def _request(self) -> Case:
        case = self._mixed(self._requests)
        is_cancel = b"/req/cancel/" in case.topic
        named = case.is_v5 or isinstance(case.body, dict)
        return dataclasses.replace(case, is_identified=named and not is_cancel)

    def _mixed(self, pool: deque[Case]) -> Case:
        topic, body, told, way = (self._random.choice(pool) for _ in range(4))
        return dataclasses.replace(
            way,
            topic=topic.topic,
            client=topic.client,
            body=body.body,
            content_type=told.content_type,
            response_topic=told.response_topic,
            expiry_s=told.expiry_s,
            user=told.user,
        )

    def _broken(self, case: Case) -> Case:
        """Return the packet of a case with some bytes that are wrong."""
        body = json.dumps(case.body).encode() if isinstance(case.body, dict) else case.body
        found = None
        if case.is_v5:
            found = properties(
                correlation=b"broken",
                content_type=case.content_type,
                response_topic=case.response_topic,
                user=case.user,
            )
        packet = bytearray(publish(case.topic, body[:_LONGEST], 1, found))
        # not in the topic: what the broker passes on there is nobody's fault
        first = packet.index(case.topic) + len(case.topic)
        for _ in range(self._random.randint(1, _WRONG_BYTES)):
            at = self._random.randrange(first, len(packet))
            packet[at] = self._random.randrange(256)
        return Case(is_v5=case.is_v5, raw=bytes(packet), is_odd=True)
