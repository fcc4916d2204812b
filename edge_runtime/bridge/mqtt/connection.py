"""A connection that comes back, and messages without paho's types."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from collections.abc import Callable, Mapping

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.mqtt.acks import OrderedAcks
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.client import Callbacks, Client
from edge_runtime.bridge.mqtt.session import Limits
from edge_runtime.bridge.mqtt.window import Window
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import EdgeError, TooLargeError, UnavailableError

_log = logging.getLogger(__name__)

NO_SUBSCRIBER = 0x10  # PUBACK: taken, but nobody listens
REFUSED = 0x80  # PUBACK: this and above

_IN_FLIGHT = 10
_QUEUED_MESSAGES = 10_000
_QUEUED_BYTES = 64 * 1024 * 1024
_HEADER_BYTES = 1024  # topic and properties, generously
_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 30.0


class Connection:
    """A connection to one broker that subscribes again and comes back after every loss.

    ``subscriptions`` maps topic filters to QoS. All callbacks run on the network thread: they must
    return at once. ``on_ready`` is called at every connect, after the broker confirmed the
    subscriptions, ``on_lost`` when it is gone. A session expiry of 0 s is a clean start; otherwise
    the broker keeps what arrives meanwhile, and ``client_id`` must be stable.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(  # noqa: PLR0913 - all but the settings are keywords
        self,
        settings: BrokerSettings,
        *,
        client_id: str,
        on_message: Callable[[Message], None],
        subscriptions: Mapping[str, int],
        will: Message | None = None,
        on_ready: Callable[[], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        session_expiry_s: int = 0,
    ) -> None:
        self._settings = settings
        self._on_message = on_message
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._ready = threading.Event()
        self._settled = threading.Event()  # ready, or refused
        self._stopping = threading.Event()
        self._was_ready = False
        self._why = ""
        self._largest_bytes = 0
        self._thread: threading.Thread | None = None
        self._acks = OrderedAcks(self._send_ack)
        self._client = Client(
            settings,
            Callbacks(
                ready=self._is_there,
                arrived=self._acks.arrived,
                received=self._received,
                taken=self._taken,
            ),
            client_id=client_id,
            will=will,
            subscriptions=subscriptions,
            session_expiry_s=session_expiry_s,
        )
        self._window = Window(
            self._client.send, self._client.new_id, most=_QUEUED_MESSAGES, most_bytes=_QUEUED_BYTES
        )

    @property
    def is_ready(self) -> bool:
        """Whether the broker is connected and has confirmed the subscriptions."""
        return self._ready.is_set()

    def start(self, timeout_s: float | None = None) -> None:
        """Connect in the background, for ever; with a timeout, wait until ready or fail.

        Raises:
            UnavailableError: not ready in time, or refused; the connection is stopped then.
        """
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()
        if timeout_s is None:
            return
        self._settled.wait(timeout_s)
        if not self.is_ready:
            why = self._why or "no answer; is it an MQTT broker?"
            self.stop()
            raise UnavailableError(f"the broker {self._settings.address} cannot be used: {why}")

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        """Publish; while disconnected a message waits in memory, and one of QoS 0 is dropped.

        ``on_taken`` is for QoS 1. It gets the reason code of the PUBACK (0x80 and above: refused;
        always 0 on MQTT 3.1.1), on the network thread. One that expires while it waits for the
        broker is dropped, and counts as taken.

        Raises:
            TooLargeError: more than the broker accepts.
            UnavailableError: too many messages wait already.
        """
        size_bytes = len(message.payload) + _HEADER_BYTES
        if self._largest_bytes and size_bytes > self._largest_bytes:
            raise TooLargeError(
                f"a message of {len(message.payload)} bytes is more than the broker accepts"
            )
        if message.qos:
            self._window.publish(message, on_taken)
        elif self.is_ready:
            self._client.send(message, 0, False)  # noqa: FBT003 - for the first time

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is dealt with; sent in the order of arrival."""
        self._acks.settle(message.ticket)

    def stop(self, last: Message | None = None, timeout_s: float = 5.0) -> None:
        """Publish a last message if connected, disconnect, and end the network thread."""
        if last is not None and self.is_ready:
            taken = threading.Event()
            with contextlib.suppress(EdgeError):  # too much waits: then the will says it
                self.publish(last, lambda _code: taken.set())
                taken.wait(timeout_s)
        self._stopping.set()
        self._client.disconnect()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._client.close()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._was_ready = False
            ending = self._client.run()
            self._lost()
            if self._stopping.is_set():
                return
            self._why = ending.why
            failures = 0 if self._was_ready else failures + 1
            level = logging.WARNING if failures <= 1 else logging.DEBUG
            _log.log(level, "no broker at %s, trying again: %s", self._settings.address, self._why)
            if ending.was_refused:
                self._settled.set()
            longest_s = min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2 ** min(failures, 10))
            self._stopping.wait(random.uniform(0.1, longest_s))  # noqa: S311 - jitter

    def _lost(self) -> None:
        self._ready.clear()
        self._window.close()
        self._acks.reset()
        if self._was_ready and self._on_lost is not None:
            self._on_lost()

    # told by the client, on the network thread

    def _is_there(self, limits: Limits) -> None:
        self._largest_bytes = limits.packet_bytes
        self._was_ready = True
        self._ready.set()
        self._settled.set()
        self._window.open(min(_IN_FLIGHT, limits.in_flight))
        if self._on_ready is not None:
            self._on_ready()

    def _received(self, message: Message) -> None:
        try:
            self._on_message(message)
        except Exception as exc:  # noqa: BLE001 - else the broker would send it again for ever
            log_failure(_log, "a message could not be handled", exc)
            self._acks.settle(message.ticket)

    def _taken(self, packet_id: int, code: int) -> None:
        if code >= REFUSED:
            _log.warning("the broker refused a message, with code %#x", code)
        self._window.taken(packet_id, code)

    def _send_ack(self, packet_id: int) -> None:
        self._client.acknowledge(packet_id)
