"""The only import of paho: a connection that comes back, and messages without paho's types."""

from __future__ import annotations

import contextlib
import logging
import random
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import (  # type: ignore[attr-defined] # paho 2.1 has it here only
    MalformedPacket,
    Properties,
)
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.mqtt.acks import AwaitedAcks, OrderedAcks
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.sockets import acknowledge_at_once, tls_context, tune
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import EdgeError, TooLargeError, UnavailableError

_log = logging.getLogger(__name__)

NO_SUBSCRIBER = 0x10  # PUBACK: taken, but nobody listens
REFUSED = 0x80  # PUBACK: this and above

_KEEPALIVE_S = 20
_CONNECT_TIMEOUT_S = 10.0
_IN_FLIGHT = 10
_QUEUED_MESSAGES = 10_000
_QOS_BITS = 0x06
_HEADER_BYTES = 1024  # topic and properties, generously
_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 30.0


class _Client(paho.Client):
    """Skips a message that cannot be decoded, where paho gives the whole connection up.

    The broker would send it again at every connect: anyone who may publish a request could
    silence a node for ever, for example with a byte order mark in the response topic.
    """

    def _handle_publish(self) -> MQTTErrorCode:
        try:
            return super()._handle_publish()
        except (ValueError, MalformedPacket, struct.error, IndexError) as exc:
            _log.warning("dropped a message that cannot be decoded: %s", exc)
            packet = bytes(self._in_packet["packet"])
            if not self._in_packet["command"] & _QOS_BITS:
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            (topic_size,) = struct.unpack_from("!H", packet)
            (packet_id,) = struct.unpack_from("!H", packet, 2 + topic_size)
            return self.ack(packet_id, 1)


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
        self._subscriptions = dict(subscriptions)
        self._session_expiry_s = session_expiry_s
        self._is_v5 = settings.protocol == "5"
        self._ready = threading.Event()
        self._settled = threading.Event()  # ready, or refused
        self._stopping = threading.Event()
        self._why = "no answer" + (", does it speak MQTT 5?" if self._is_v5 else "")
        self._was_ready = self._was_refused = False
        self._in_flight = _IN_FLIGHT
        self._largest_bytes = 0
        self._thread: threading.Thread | None = None
        self._client = self._make_client(client_id, will)
        self._awaited = AwaitedAcks()
        self._acks = OrderedAcks(self._send_ack)

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
            why = self._why
            self.stop()
            raise UnavailableError(f"the broker {self._settings.address} cannot be used: {why}")

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        """Publish; while disconnected a message waits in memory, and one of QoS 0 is dropped.

        ``on_taken`` is for QoS 1. It gets the reason code of the PUBACK (0x80 and above: refused;
        always 0 on MQTT 3.1.1), on the network thread or on this one.

        Raises:
            TooLargeError: more than the broker accepts.
            UnavailableError: too many messages wait already.
        """
        size_bytes = len(message.payload) + _HEADER_BYTES
        if self._largest_bytes and size_bytes > self._largest_bytes:
            raise TooLargeError(
                f"a message of {len(message.payload)} bytes is more than the broker accepts"
            )
        if message.qos == 0 and not self.is_ready:
            return
        info = self._client.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            properties=_properties(message) if self._is_v5 else None,
        )
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            raise UnavailableError("too many messages wait for the broker")
        if message.qos:
            self._awaited.await_(info.mid, on_taken)

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
        # paho closes its wake-up pipe only when it is collected
        self._client._reset_sockets()  # noqa: SLF001

    def _make_client(self, client_id: str, will: Message | None) -> paho.Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if self._is_v5 else paho.MQTTv311,
            clean_session=None if self._is_v5 else self._session_expiry_s == 0,
            manual_ack=True,
        )
        settings = self._settings
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password)
        if settings.tls:
            client.tls_set_context(tls_context(settings))
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(self._in_flight)
        client.max_queued_messages_set(_QUEUED_MESSAGES)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._taken
        client.on_socket_open = _tune
        # with this callback set, publish() on another thread never writes to the socket itself
        client.on_socket_register_write = _leave_to_network_thread
        return client

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._was_ready = self._was_refused = False
            self._connect_and_loop()
            self._ready.clear()
            self._acks.reset()
            if self._was_ready and self._on_lost is not None:
                self._on_lost()
            if self._stopping.is_set():
                return
            failures = 0 if self._was_ready else failures + 1
            level = logging.WARNING if failures <= 1 else logging.DEBUG
            _log.log(level, "no broker at %s: %s; trying again", self._settings.address, self._why)
            if self._was_refused:
                self._settled.set()
            longest_s = min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2 ** min(failures, 10))
            self._stopping.wait(random.uniform(0.1, longest_s))  # noqa: S311 - jitter

    def _connect_and_loop(self) -> None:
        """Return when the connection has failed or ended; ``_why`` says why."""
        session: dict[str, Any] = {}
        if self._is_v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._session_expiry_s
            properties.ReceiveMaximum = _IN_FLIGHT
            session = {"clean_start": self._session_expiry_s == 0, "properties": properties}
        if self._in_flight != self._client.max_inflight_messages:
            self._client.max_inflight_messages_set(self._in_flight)
        try:
            self._client.connect_async(
                self._settings.host, self._settings.port, _KEEPALIVE_S, **session
            )
            code = self._client.reconnect()
            while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
                code = self._client.loop(1.0)
                sock = self._client.socket()
                if sock is not None:
                    acknowledge_at_once(sock)  # type: ignore[arg-type] # a socket, says its name
        except OSError as exc:
            self._why = str(exc) or type(exc).__name__
            self._was_refused = isinstance(exc, ssl.SSLCertVerificationError)
        except Exception as exc:  # noqa: BLE001 - the next connection may fare better
            log_failure(_log, "the MQTT client failed", exc)
            self._why = str(exc)

    def _connected(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            hint = "; try MQTT 3.1.1" if reason == "Unsupported protocol version" else ""
            self._why = f"refused: {reason}{hint}"
            self._was_refused = True
            return
        in_flight = getattr(properties, "ReceiveMaximum", _IN_FLIGHT)
        if in_flight < self._in_flight:
            # paho can change it between connections only
            self._why = f"it takes {in_flight} messages at once"
            self._in_flight = in_flight
            client.disconnect()
            return
        self._largest_bytes = getattr(properties, "MaximumPacketSize", 0)
        if self._is_v5:
            client.subscribe(
                [
                    # so that a retained request is known as such when it is new, too
                    (topic, SubscribeOptions(qos=qos, retainAsPublished=True))
                    for topic, qos in self._subscriptions.items()
                ]
            )
        else:
            client.subscribe(list(self._subscriptions.items()))

    def _subscribed(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        for topic, reason in zip(self._subscriptions, reasons, strict=False):
            if reason.is_failure:
                _log.error("the broker refuses the subscription to %s: %s", topic, reason)
        self._was_ready = True
        self._ready.set()
        self._settled.set()
        if self._on_ready is not None:
            self._on_ready()

    def _disconnected(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._was_refused:
            self._why = str(reason)
        self._ready.clear()
        self._acks.reset()

    def _received(
        self, _client: paho.Client, _userdata: object, received: paho.MQTTMessage
    ) -> None:
        ticket = self._acks.arrived(received.mid) if received.qos else 0
        try:
            self._on_message(_message(received, ticket))
        except Exception as exc:  # noqa: BLE001 - else the broker would send it again for ever
            log_failure(_log, "a message could not be handled", exc)
            self._acks.settle(ticket)

    def _taken(
        self,
        _client: paho.Client,
        _userdata: object,
        packet_id: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            _log.warning("the broker refused a message: %s", reason)
        self._awaited.taken(packet_id, int(reason.value))

    def _send_ack(self, packet_id: int) -> None:
        self._client.ack(packet_id, 1)


def _tune(_client: paho.Client, _userdata: object, sock: Any) -> None:  # noqa: ANN401 - paho's own
    tune(sock)


def _leave_to_network_thread(_client: paho.Client, _userdata: object, _socket: object) -> None:
    """Do nothing: paho has woken the network thread already."""


def _properties(message: Message) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.response_topic is not None:
        properties.ResponseTopic = message.response_topic
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    if message.expiry_s is not None:
        properties.MessageExpiryInterval = message.expiry_s
    if message.content_type is not None:
        properties.ContentType = message.content_type
    if message.properties:
        properties.UserProperty = list(message.properties)
    return properties


def _message(received: paho.MQTTMessage, ticket: int) -> Message:
    properties = received.properties
    return Message(
        topic=received.topic,
        payload=bytes(received.payload),
        retain=received.retain,
        dup=received.dup,
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation=getattr(properties, "CorrelationData", None),
        expiry_s=getattr(properties, "MessageExpiryInterval", None),
        content_type=getattr(properties, "ContentType", None),
        properties=tuple(getattr(properties, "UserProperty", ())),
        ticket=ticket,
    )
