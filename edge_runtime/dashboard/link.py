"""The dashboard on the broker: listens to the fleet, and passes orders on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import NO_SUBSCRIBER, REFUSED, Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.dashboard.feed import Feed
from edge_runtime.dashboard.fleet import FILTERS
from edge_runtime.errors import PolicyDeniedError, UnavailableError

_TIMEOUT_S = 5.0


class Link:
    """A connection that begins anew every time: what it misses, nodes say again.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(self, settings: BrokerSettings, feed: Feed) -> None:
        self._address = settings.address
        self._connection = Connection(
            settings,
            client_id=f"edge-dashboard-{secrets.token_hex(8)}",
            on_message=feed.received,
            subscriptions=dict.fromkeys(FILTERS, 0),
            on_ready=feed.connected,
            on_lost=feed.lost,
        )

    def start(self) -> None:
        """Connect, and keep trying."""
        self._connection.start()

    def stop(self) -> None:
        """Disconnect."""
        self._connection.stop()

    async def send(self, message: Message) -> None:
        """Publish, and wait until the broker has taken it.

        Raises:
            UnavailableError: there is no broker, it does not answer, or nobody listens.
            PolicyDeniedError: the broker does not allow it.
        """
        if not self._connection.is_ready:
            raise UnavailableError(f"there is no connection to the broker {self._address} now")
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[int] = loop.create_future()

        def tell(code: int) -> None:
            if not taken.done():
                taken.set_result(code)

        def on_taken(code: int) -> None:
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(tell, code)

        self._connection.publish(message, on_taken)
        try:
            code = await asyncio.wait_for(taken, _TIMEOUT_S)
        except TimeoutError as exc:
            raise UnavailableError(f"the broker {self._address} does not take it now") from exc
        if code >= REFUSED:
            raise PolicyDeniedError(
                f"the broker does not allow this dashboard's user to publish on {message.topic}"
            )
        if code == NO_SUBSCRIBER:
            raise UnavailableError(f"nobody listens on {message.topic}: is the node online?")
