"""``mqtt``: what goes over the broker, and what stays on it."""

from __future__ import annotations

import os
import queue
import secrets
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

import msgspec
import typer

from edge_runtime.cli.escalate import broker_settings
from edge_runtime.cli.options import Broker, Json
from edge_runtime.cli.run import make_app
from edge_runtime.errors import ConfigError, PolicyDeniedError, UnavailableError
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.bridge.mqtt.broker import BrokerSettings
    from edge_runtime.bridge.protocol.message import Message

mqtt = make_app("mqtt", "What goes over the broker, and what stays on it.")


class Example(StrEnum):
    """What ``mqtt example`` prints."""

    HOME_ASSISTANT = "home-assistant"
    NODE_RED = "node-red"
    GRAFANA = "grafana"


_FILES = {
    Example.HOME_ASSISTANT: "home_assistant/edge_runtime.yaml",
    Example.NODE_RED: "node_red/flows.json",
    Example.GRAFANA: "grafana/nodes.json",
}
_CONNECT_TIMEOUT_S = 10.0
_LOOK_S = 0.5
_MOST_WAITING = 10_000


@mqtt.command("watch")
def watch(
    broker: Broker = None,
    node: Annotated[str | None, typer.Option(help="Of this node only; all if left out.")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Show what people asked and were answered, too.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="End after so many messages.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the messages of nodes and workers as they come, until Ctrl-C.

    Each is one line: time, node, kind, client, task, status, source, milliseconds, confidence, and
    what else there is. Only what this user of the broker may read can be seen.
    """
    from edge_runtime.bridge.protocol.topics import check_name
    from edge_runtime.bridge.protocol.traffic import TrafficReader
    from edge_runtime.cli.traffic_lines import line

    reader = TrafficReader(time.time, check_name(node, "node") if node else None)
    lost = 0
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    with _Watching(_broker(load_settings(broker=broker)), reader.filters) as watching:
        while count is None or count > 0:
            message = watching.next()
            if watching.lost > lost:
                print(f"{watching.lost - lost} messages came too fast", file=sys.stderr)
                lost = watching.lost
            seen = None if message is None else reader.read(message)
            if seen is None:
                continue
            shown = seen if text else msgspec.structs.replace(seen, text=None)
            said = msgspec.json.encode(shown).decode() if as_json else line(shown, colour=colour)
            print(said, flush=True)
            count = None if count is None else count - 1


@mqtt.command("forget-device")
def forget_device(
    broker: Broker = None,
    node: Annotated[str | None, typer.Option(help="The node; this one's if left out.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also its status, info and policy on the broker.")
    ] = False,
) -> None:
    """Remove a node that is gone from Home Assistant, and from the broker's memory.

    One that runs with home_assistant on is back at its next connection.
    """
    from edge_runtime.bridge.protocol.home_assistant import removal_message
    from edge_runtime.bridge.protocol.message import Message
    from edge_runtime.bridge.protocol.topics import NodeTopics

    settings = load_settings(broker=broker)
    topics = NodeTopics(node or settings.node_name)
    messages = [removal_message(topics)]
    if everything:
        kept = (topics.status, topics.info, topics.policy_state)
        messages += [Message(topic=topic, retain=True) for topic in kept]
    _publish(_broker(settings), messages)
    print(f"removed {', '.join(message.topic for message in messages)}")


@mqtt.command("example")
def example(
    name: Annotated[Example, typer.Argument(metavar="NAME", help="Which one.")],
) -> None:
    """Print a file to start from: home-assistant, node-red or grafana.

    A package for Home Assistant (packages/edge_runtime.yaml), flows for Node-RED, a dashboard for
    Grafana (both are imported as JSON).
    """
    from importlib import resources

    text = resources.files("edge_devices") / "assets" / _FILES[name]
    print(text.read_text(encoding="utf-8"), end="")


class _Watching:
    """A connection whose messages wait for whoever prints them."""

    def __init__(self, broker: BrokerSettings, filters: tuple[str, ...]) -> None:
        from edge_runtime.bridge.mqtt.connection import Connection

        self.lost = 0
        self._waiting: queue.Queue[Message] = queue.Queue(_MOST_WAITING)
        self._connection = Connection(
            broker,
            client_id=f"edge-watch-{secrets.token_hex(8)}",
            on_message=self._received,
            subscriptions=dict.fromkeys(filters, 0),
        )

    def __enter__(self) -> Self:
        self._connection.start(_CONNECT_TIMEOUT_S)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.stop()

    def next(self) -> Message | None:
        """Wait a little for the next message."""
        try:
            return self._waiting.get(timeout=_LOOK_S)
        except queue.Empty:
            return None

    def _received(self, message: Message) -> None:
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self.lost += 1


def _publish(broker: BrokerSettings, messages: list[Message]) -> None:
    """Publish and wait until the broker has taken each of them."""
    from edge_runtime.bridge.mqtt.connection import REFUSED, Connection
    from edge_runtime.bridge.protocol.home_assistant import BIRTH

    codes: queue.SimpleQueue[int] = queue.SimpleQueue()
    connection = Connection(
        broker,
        client_id=f"edge-forget-{secrets.token_hex(8)}",
        on_message=lambda _message: None,
        subscriptions={BIRTH: 0},
    )
    connection.start(_CONNECT_TIMEOUT_S)
    try:
        for message in messages:
            connection.publish(message, codes.put)
        taken = [codes.get(timeout=_CONNECT_TIMEOUT_S) for _ in messages]
    except queue.Empty as exc:
        raise UnavailableError(f"the broker {broker.address} does not take it; try again") from exc
    finally:
        connection.stop()
    if any(code >= REFUSED for code in taken):
        raise PolicyDeniedError(
            f"the broker {broker.address} does not let this user remove it: use the node's own "
            "user, or an operator's"
        )


def _broker(settings: Settings) -> BrokerSettings:
    if settings.broker is None:
        raise ConfigError("which broker? give --broker mqtt://localhost, or set EDGE_BROKER")
    return broker_settings(settings, settings.broker)
