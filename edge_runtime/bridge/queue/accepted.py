"""An accepted request as it stands in the journal."""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.queue.file.clock import moved
from edge_runtime.messages import Request


class Accepted(msgspec.Struct, frozen=True):
    """A request that the broker may forget; its times are of the file's clock.

    ``message`` is without its payload, which ``request`` says, and without its ticket.
    """

    message: Message
    route: Route
    request: Request
    arrived: float

    @classmethod
    def of(cls, incoming: Incoming, now: float, file_now: float) -> Accepted:
        """Return what is written; ``now`` is of the clock of the request."""
        return cls(
            msgspec.structs.replace(incoming.message, payload=b"", ticket=0),
            route_at(incoming.route, now, file_now),
            incoming.request,
            moved(incoming.arrived, now, file_now),
        )

    def incoming(self, now: float, file_now: float) -> Incoming:
        """Return the request as it came in, on the clock whose time is ``now``."""
        return Incoming(
            self.message,
            route_at(self.route, file_now, now),
            self.request,
            moved(self.arrived, file_now, now),
        )


def route_at(route: Route, origin: float, target: float) -> Route:
    """Return the route with its expiry on another clock."""
    if route.expires is None:
        return route
    return msgspec.structs.replace(route, expires=moved(route.expires, origin, target))
