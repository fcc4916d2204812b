"""What clients do not want any more."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.node.under_way import UnderWay
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.queue.escalations import Escalations

_log = logging.getLogger(__name__)


class _Cancel(msgspec.Struct):
    id: str | None = None


class Cancelling:
    """Runs on the network thread: no cancel waits behind the model.

    ``give_up`` answers a request that waits; what the model works on ends at its next token, and
    what is with the workers is withdrawn.
    """

    def __init__(
        self, under_way: UnderWay, escalations: Escalations, give_up: Callable[[Asked], None]
    ) -> None:
        self._under_way = under_way
        self._escalations = escalations
        self._give_up = give_up

    def cancel(self, client: str, message: Message) -> None:
        """Cancel what a client names by id, or by the correlation of its request."""
        request_id = _id_in(message.payload)
        key = message.correlation
        if key is None and request_id is None:
            _log.warning("a cancel without id and correlation, of client %s", client)
            return
        for asked in self._under_way.cancel(client, request_id, key):
            if not asked.is_running:
                self._give_up(asked)
        self._escalations.cancel(client, (request_id or "").encode() if key is None else key)


def _id_in(payload: bytes) -> str | None:
    try:
        return msgspec.json.decode(payload, type=_Cancel).id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
