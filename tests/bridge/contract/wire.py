"""Judges messages by ``asyncapi.yaml``: what was on the wire in a test is what is written there."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from edge_runtime.bridge.protocol.message import Message
from tests.bridge.contract.document import Channel, MessageType, load_channels

_REQUEST = re.compile(r"edge/v1/[^/]+/req/(?!cancel/).+")
# what others send to nodes and workers; they may send anything
_INBOUND = re.compile(
    r"edge/v1/[^/]+/(req|cmd|esc|policy/set)(/.*)?|edge/workers/.*|hermes/nlu/query|"
    r"homeassistant/status"
)
_ROOTS = ("edge/", "homeassistant/", "hermes/")
_SHOWN_BYTES = 300


class Wire:
    """Looks at one message after the other; ``problems`` are those that should not have been.

    On a broker nobody can tell who published. What a node sends has to be as the contract says;
    what is sent to it may be wrong, if the node says so: a request that is not valid has to end in
    an error, or in no answer. ``on_purpose`` are patterns of topics on which a test sends in a
    node's name what is not valid. ``knows_properties`` is False where the broker speaks MQTT 3.1.1,
    without properties and without telling what was published as retained.
    """

    def __init__(
        self, on_purpose: Sequence[re.Pattern[str]] = (), *, knows_properties: bool = True
    ) -> None:
        self.problems: list[str] = []
        self._on_purpose = on_purpose
        self._knows_properties = knows_properties
        self._refusable: dict[bytes | str, str] = {}

    def see(self, message: Message) -> None:
        """Judge a message that was heard on a broker."""
        topic = message.topic
        if not topic.startswith(_ROOTS):
            return
        if _REQUEST.fullmatch(topic):
            said = problems_of(message, knows_properties=self._knows_properties)
            if said:
                self._refusable.update(dict.fromkeys(_keys(message), f"{topic}: {said[0]}"))
            return
        if _INBOUND.fullmatch(topic):
            return
        channel = channel_of(topic)
        if channel is not None and channel.name.startswith(("response", "clientInbox")):
            self._answered(message)
        self.sent(message)

    def sent(self, message: Message) -> None:
        """Judge a message that a node or a worker has published, whatever its topic."""
        topic = message.topic
        if not topic.startswith(_ROOTS) or any(each.fullmatch(topic) for each in self._on_purpose):
            return
        shown = message.payload[:_SHOWN_BYTES]
        said = problems_of(message, knows_properties=self._knows_properties)
        self.problems += [f"{topic}: {each}: {shown!r}" for each in said]

    def _answered(self, message: Message) -> None:
        answer = _answer(message)
        if answer.status == "error":
            return
        for key in _keys(message):
            if key in self._refusable:
                said = self._refusable[key]
                self.problems.append(f"answered {answer.status}, though not valid: {said}")


def channel_of(topic: str) -> Channel | None:
    """Return the channel of a topic, the one with most fixed levels if several fit."""
    return next((each for each in load_channels() if each.pattern.fullmatch(topic)), None)


def problems_of(message: Message, *, knows_properties: bool = True) -> list[str]:
    """Return what is not as the contract says."""
    channel = channel_of(message.topic)
    if channel is None:
        return ["no such topic in asyncapi.yaml"]
    headers = dict(message.properties) if message.content_type is not None else None
    types = _meant(channel, message)
    found = [each.problems(message.payload, headers) for each in types]
    fits = next((kind for kind, said in zip(types, found, strict=True) if not said), None)
    if fits is None:
        # of several types, say what is wrong with the one that comes closest
        return min(found, key=len)
    problems = []
    # amqtt delivers at the subscription's QoS
    if knows_properties and channel.qos is not None and message.qos != channel.qos:
        problems.append(f"QoS {message.qos} instead of {channel.qos}")
    if knows_properties and message.retain != (channel.retain or False):
        problems.append("is retained" if message.retain else "is not retained")
    is_exact = message.content_type in {None, fits.content_type}
    if channel.action == "send" and not is_exact:
        problems.append(f"content type {message.content_type} instead of {fits.content_type}")
    return problems


class _Answer(msgspec.Struct):
    id: str = ""
    status: str = ""


def _meant(channel: Channel, message: Message) -> Sequence[MessageType]:
    """Return which types of a channel a message may be of: those of JSON, or the others."""
    if message.content_type is None:
        is_json = message.payload.lstrip()[:1] == b"{"
    else:
        is_json = message.content_type.split(";")[0].strip().endswith("json")
    return [each for each in channel.types if each.is_json == is_json] or channel.types


def _answer(message: Message) -> _Answer:
    try:
        return msgspec.json.decode(message.payload, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Answer()


def _keys(message: Message) -> list[bytes | str]:
    keys = [message.correlation, _answer(message).id]
    return [key for key in keys if key]
