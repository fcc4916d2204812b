"""Watches every broker that a test starts, and judges what nodes and workers have sent over it.

What goes between these two is seen where this process sends it, since a listener could not tell a
worker from a test that plays one. Tests without a broker pay nothing for it.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.broker import Broker

if TYPE_CHECKING:
    from edge_runtime.bridge.protocol.message import Message
    from tests.bridge.contract.tap import Tap

_SHOWN = 10
_SAID = "not as asyncapi.yaml says (if on purpose: @pytest.mark.wire(TOPIC, …))"
_BETWEEN = re.compile(r"edge/v1/[^/]+/esc/.*|edge/workers/.*")
_OURS = "edge-"  # with this the ids of nodes and workers begin


class Taps:
    """The listeners of all brokers that run, and what nodes and workers in this process send."""

    def __init__(self) -> None:
        self._taps: dict[Broker, Tap] = {}
        self._kept: list[tuple[bool, list[Message]]] = []
        self._sent: list[Message] = []
        self.is_watching = False

    def started(self, broker: Broker) -> None:
        """Listen to a broker, if it lets anybody in."""
        from tests.bridge.contract.tap import Tap

        try:
            self._taps[broker] = Tap(broker)
        except OSError:
            return

    def ending(self, broker: Broker, *, kill: bool) -> None:
        """Hear the rest of what a broker has to say."""
        tap = self._taps.pop(broker, None)
        if tap is None:
            return
        if not kill:
            tap.catch_up()
        tap.close()
        self._kept.append((tap.is_v5, tap.heard))

    def sends(self, message: Message) -> None:
        """Note what a node or a worker publishes, if it is between these two."""
        if _BETWEEN.fullmatch(message.topic):
            self._sent.append(message)

    def problems(self, on_purpose: list[re.Pattern[str]]) -> list[str]:
        """Judge all that was heard since the last call."""
        for tap in self._taps.values():
            tap.catch_up()
            heard, tap.heard = tap.heard, []
            self._kept.append((tap.is_v5, heard))
        if not (self._kept or self._sent):
            return []
        from tests.bridge.contract.wire import Wire

        kept, self._kept = self._kept, []
        sent, self._sent = self._sent, []
        own = Wire(on_purpose)
        for message in sent:
            own.sent(message)
        problems = own.problems
        for is_v5, heard in kept:
            wire = Wire(on_purpose, knows_properties=is_v5)
            for message in heard:
                wire.see(message)
            problems += wire.problems
        return problems


@pytest.fixture(scope="session", autouse=True)
def taps() -> Iterator[Taps]:
    """Listen to every broker from its start to its end."""
    found = Taps()
    start = Broker.start
    end = Broker._end  # noqa: SLF001 - whether it is stopped, killed or started anew
    with pytest.MonkeyPatch.context() as patch:

        def started(broker: Broker) -> None:
            if not found.is_watching:
                found.is_watching = True
                _watch_connections(found, patch)
            start(broker)
            found.started(broker)

        def ended(broker: Broker, *, kill: bool) -> None:
            found.ending(broker, kill=kill)
            end(broker, kill=kill)

        patch.setattr(Broker, "start", started)
        patch.setattr(Broker, "_end", ended)
        yield found


@pytest.fixture(autouse=True)
def wire(request: pytest.FixtureRequest, taps: Taps) -> Iterator[None]:
    """Fail a test in which a node or a worker has sent what is not in the contract.

    ``@pytest.mark.wire("TOPIC", …)`` says where a test does so in their name; ``*`` is anything.
    """
    taps.problems([])  # what a fixture of another scope has done since
    yield
    marker = request.node.get_closest_marker("wire")
    given = () if marker is None else marker.args
    problems = taps.problems([re.compile(re.escape(each).replace(r"\*", ".*")) for each in given])
    shown = problems[:_SHOWN]
    if len(problems) > _SHOWN:
        shown.append(f"and {len(problems) - _SHOWN} more")
    assert not problems, f"{_SAID}:\n" + "\n".join(shown)


def _watch_connections(found: Taps, patch: pytest.MonkeyPatch) -> None:
    from edge_runtime.bridge.mqtt.connection import Connection

    ours: weakref.WeakSet[Connection] = weakref.WeakSet()
    make, publish = Connection.__init__, Connection.publish

    def made(connection: Connection, *arguments: Any, client_id: str, **more: Any) -> None:
        make(connection, *arguments, client_id=client_id, **more)
        if client_id.startswith(_OURS):
            ours.add(connection)

    def published(connection: Connection, message: Message, *more: Any, **named: Any) -> Any:
        if connection in ours:
            found.sends(message)
        return publish(connection, message, *more, **named)

    patch.setattr(Connection, "__init__", made)
    patch.setattr(Connection, "publish", published)
