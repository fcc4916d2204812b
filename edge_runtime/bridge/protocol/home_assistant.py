"""The document by which Home Assistant discovers a node as one device; pure.

Keys and values as in Home Assistant's MQTT integration, device discovery (2024.11 and newer):
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from edge_runtime.bridge.protocol.home_assistant_entities import entities
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics

PREFIX = "homeassistant"
BIRTH = f"{PREFIX}/status"

_NAME = "edge-runtime"
_ONLINE = b"online"


@dataclass(frozen=True)
class Device:
    """What Home Assistant shows of the device: the version of this software, and the board.

    ``bundle`` is the name of the one whose updates it shows.
    """

    version: str
    board: str | None = None
    bundle: str = "assistant"


def discovery_message(topics: NodeTopics, device: Device) -> Message:
    """Return the retained message that makes a node a device of Home Assistant."""
    return Message(
        topic=_topic(topics),
        payload=msgspec.json.encode(discovery_document(topics, device)),
        retain=True,
        content_type=JSON,
    )


def is_birth(message: Message) -> bool:
    """Whether Home Assistant says that it has started."""
    return message.topic == BIRTH and message.payload == _ONLINE


def removal_message(topics: NodeTopics) -> Message:
    """Return the message after which Home Assistant has forgotten the node."""
    return Message(topic=_topic(topics), retain=True)


def discovery_document(topics: NodeTopics, device: Device) -> Mapping[str, object]:
    """Return the document: the device, its origin, and its entities under names that stay."""
    identifier = f"edge_{topics.node}"
    described: dict[str, object] = {
        "identifiers": [identifier],
        "name": topics.node,
        "manufacturer": _NAME,
        "sw_version": device.version,
    }
    if device.board is not None:
        described["model"] = device.board
    return {
        "dev": described,
        "o": {"name": _NAME, "sw_version": device.version},
        "availability_topic": topics.status,
        "cmps": {
            name: {**entity, "unique_id": f"{identifier}_{name}"}
            for name, entity in entities(topics, device.bundle).items()
        },
    }


def _topic(topics: NodeTopics) -> str:
    return f"{PREFIX}/device/{topics.node}/config"
