"""What lives beside the requests of a node because its settings say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import edge_runtime
from edge_runtime.settings import Settings

if TYPE_CHECKING:
    from edge_runtime.bridge.node.companion import Companion

EVERY_SITE = "*"


def chosen_companions(settings: Settings) -> list[Companion]:
    """Return Home Assistant's discovery and the Hermes adapter where they are on.

    Raises:
        ConfigError: the node's name is not valid.
    """
    from edge_runtime.bridge.protocol.topics import NodeTopics

    topics = NodeTopics(settings.node_name)
    chosen: list[Companion] = []
    if settings.home_assistant:
        from edge_devices.probe import probe_board
        from edge_runtime.bridge.node.discovery import Discovery
        from edge_runtime.bridge.protocol.home_assistant import Device

        board = probe_board()
        name = board.model or board.machine
        device = Device(edge_runtime.__version__, name, settings.bundle)
        chosen.append(Discovery(topics, device))
    if settings.hermes is not None:
        from edge_runtime.bridge.node.hermes import Hermes

        named = [site.strip() for site in settings.hermes.split(",")]
        chosen.append(Hermes(topics, None if EVERY_SITE in named else frozenset(named)))
    return chosen
