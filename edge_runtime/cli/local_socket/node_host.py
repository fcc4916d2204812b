"""What a node lends to the commands of its local socket: its bundles, policy and connection."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.cli.escalate import direct_route
from edge_runtime.cli.local_socket.forwarded import Forwarded, RunArguments
from edge_runtime.cli.local_socket.open_bundles import OpenBundles
from edge_runtime.cli.local_socket.server import SocketServer
from edge_runtime.cli.local_socket.streams import route_standard_streams
from edge_runtime.cli.local_socket.without_node import WithoutNode
from edge_runtime.errors import ConfigError
from edge_runtime.places import node_socket, setting_sources
from edge_runtime.settings import Settings

if TYPE_CHECKING:
    from edge_runtime.assistant.asking import Escalate
    from edge_runtime.bridge.node.node import Node
    from edge_runtime.bridge.queue.owner import Owner

_log = logging.getLogger(__name__)


class NodeHost:
    """The node as its local commands see it; the owner's policy holds for them too."""

    def __init__(self, settings: Settings, node: Node | WithoutNode, bundles: OpenBundles) -> None:
        self._settings = settings
        self._node = node
        self._bundles = bundles

    def assistant(self, bundle: str | None, directory: Path) -> Assistant:
        """Return the assistant with a bundle; raises DeclinedError and BundleError."""
        return self._bundles.assistant(bundle, directory)

    def escalation_route(self, is_cancelled: Callable[[], bool]) -> Escalate:
        """Return how the node asks a large model: the configured one, else its workers."""
        straight = direct_route(msgspec.structs.replace(self._settings, broker=None))
        return straight or partial(self._node.ask_workers, is_cancelled=is_cancelled)

    @property
    def queue(self) -> Owner:
        """The queries that wait, as the owner of the device sees them."""
        return self._node.queue

    def forget(self, client: str | None, session: str | None) -> dict[str, int]:
        """Delete what memory and outbox hold; return how much it was. Raises UnavailableError."""
        # what waits goes first, so that no answer to it is remembered any more
        queries = self._node.forget(client, session)
        kept = self._bundles.memory.forget(client, session)
        return {"queries": queries, **msgspec.structs.asdict(kept)}


@contextlib.contextmanager
def local_socket(
    settings: Settings, node: Node | WithoutNode, assistant: Assistant, run: RunArguments
) -> Iterator[None]:
    """Listen at the local socket, or say in the log why not: the node works without."""
    path = node_socket(os.environ)
    if path is None:
        yield
        return
    bundles = OpenBundles(settings, assistant)
    host = NodeHost(settings, node, bundles)
    try:
        server = SocketServer(Path(path), Forwarded(host, run, setting_sources(os.environ)))
    except ConfigError as exc:
        _log.warning("no local socket: %s", exc)
        yield
        return
    route_standard_streams()
    server.start()
    _log.info("local socket %s", path)
    try:
        yield
    finally:
        server.stop()
        bundles.close()
