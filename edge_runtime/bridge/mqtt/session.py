"""The only import of paho: it opens a session, subscribes, and keeps it alive.

What is published and received goes past its own bookkeeping (see ``window`` and
``publish_packet``), which takes several times as long.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.packets import Packets
from edge_runtime.bridge.mqtt.sockets import acknowledge_at_once, tls_context, tune
from edge_runtime.bridge.mqtt.tls_errors import why_no_trust
from edge_runtime.bridge.protocol.message import Message

_log = logging.getLogger(__name__)

_KEEPALIVE_S = 20
_CONNECT_TIMEOUT_S = 10.0
_CHUNK_BYTES = 65_536
_RECEIVE_MAXIMUM = 100  # mosquitto sends no more than 20 at once unless it is told to
_OK = MQTTErrorCode.MQTT_ERR_SUCCESS
_WHO = ": check the name in mqtts://NAME@HOST, and EDGE_MQTT_PASSWORD or mqtt_password_file"
_HINTS = {
    "Not authorized": _WHO,
    "Bad user name or password": _WHO,
    "Unsupported protocol version": ": set mqtt_protocol to 3.1.1",
}


class Limits(NamedTuple):
    """What a broker takes: so many unacknowledged messages, packets of so many bytes (0: any)."""

    in_flight: int
    packet_bytes: int


class Ending(NamedTuple):
    """Why a connection has ended, and whether trying again is of little use."""

    why: str
    was_refused: bool = False


class Session(paho.Client):
    """One connection after the other; all but ``packet_id`` is for the network thread.

    ``subscriptions`` maps topic filters to QoS; with a session expiry of 0 s each connection is a
    clean start. ``on_ready`` is called when the broker has confirmed them; ``on_packet`` gets first
    byte and body of a packet, and returns False to leave it to paho.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(  # noqa: PLR0913 - all but the settings are keywords
        self,
        settings: BrokerSettings,
        *,
        client_id: str,
        will: Message | None,
        subscriptions: Mapping[str, int],
        session_expiry_s: int,
        on_ready: Callable[[Limits], None],
        on_packet: Callable[[int, bytes], bool],
    ) -> None:
        self._is_v5 = settings.protocol == "5"
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if self._is_v5 else paho.MQTTv311,
            clean_session=None if self._is_v5 else session_expiry_s == 0,
        )
        self._settings = settings
        self._subscriptions = dict(subscriptions)
        self._session_expiry_s = session_expiry_s
        self._on_ready = on_ready
        self._on_packet = on_packet
        self._packets = Packets()
        self._limits = Limits(0xFFFF, 0)
        # paho keeps it to itself: with TLS 1.3 a broker's refusal comes late
        self._failure = OSError()
        self._ending = Ending("")
        if settings.username is not None:
            self.username_pw_set(settings.username, settings.password)
        if settings.tls:
            self.tls_set_context(tls_context(settings))
        if will is not None:
            self.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self.connect_timeout = _CONNECT_TIMEOUT_S
        self.on_connect = self._connected
        self.on_subscribe = self._subscribed
        self.on_disconnect = self._disconnected
        self.on_socket_open = _tune
        # with this callback set, paho never writes to the socket on another thread
        self.on_socket_register_write = _leave_to_network_thread

    @property
    def ending(self) -> Ending:
        """Why the connection has ended."""
        mistrust = why_no_trust(self._failure)
        return self._ending if mistrust is None else Ending(mistrust, was_refused=True)

    def open(self) -> bool:
        """Connect; return whether that has begun.

        Raises:
            OSError: there is no connection.
        """
        self._packets = Packets()
        self._failure = OSError()
        self._ending = Ending("no answer" + (", does it speak MQTT 5?" if self._is_v5 else ""))
        options: dict[str, Any] = {}
        if self._is_v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._session_expiry_s
            properties.ReceiveMaximum = _RECEIVE_MAXIMUM
            options = {"clean_start": self._session_expiry_s == 0, "properties": properties}
        self.connect_async(self._settings.host, self._settings.port, _KEEPALIVE_S, **options)
        return self.reconnect() == _OK

    def write(self, chunk: bytes) -> None:
        """Write packets, in one piece: a call to the system for each would take far longer."""
        self._packet_queue(paho.PUBLISH, chunk, 0, 1)
        self.loop_write()

    def work(self, *, can_read: bool, can_write: bool) -> bool:
        """Read and write as far as the socket can; return whether the connection goes on."""
        code = self.loop_write() if can_write else _OK
        if code == _OK and can_read:
            code = self.loop_read()
            if (sock := self.socket()) is not None:
                acknowledge_at_once(sock)  # type: ignore[arg-type] # a socket, says its name
        return (self.loop_misc() if code == _OK else code) == _OK

    def has_bytes(self) -> bool:
        """Whether there is something to read that the system does not know of."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def packet_id(self) -> int:
        """Return a packet id; subscriptions have theirs from the same row."""
        return int(self._mid_generate())

    def close(self) -> None:
        """Free the socket that a failed handshake leaves open."""
        self._reset_sockets()

    # what paho does packet by packet, byte by byte

    def _packet_read(self) -> MQTTErrorCode:
        """Read what there is, and handle each packet that is complete."""
        try:
            data = self._sock_recv(_CHUNK_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        self._last_bytes_received = paho.time_func()
        for first, body in self._packets.add(data):
            if self._on_packet(first, body):
                continue
            self._in_packet = _in_packet(first, body)
            code = self._packet_handle()
            if code != _OK:
                return code
        return _OK

    def _sock_recv(self, bufsize: int) -> bytes:
        try:
            return super()._sock_recv(bufsize)
        except OSError as exc:
            self._failure = exc
            raise

    def _sock_send(self, buf: bytes | bytearray) -> int:
        try:
            return super()._sock_send(buf)
        except BlockingIOError:
            raise
        except OSError:
            # the broker has closed it, and may have said why before
            with contextlib.suppress(BlockingIOError):
                self._sock_recv(1)
            raise

    # what paho tells

    def _connected(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            hint = _HINTS.get(str(reason), "")
            self._ending = Ending(f"refused: {reason}{hint}", was_refused=True)
            return
        self._ending = Ending("it closed the connection")
        self._limits = Limits(
            getattr(properties, "ReceiveMaximum", 0xFFFF),
            getattr(properties, "MaximumPacketSize", 0),
        )
        if self._is_v5:
            self.subscribe(
                [
                    # so that a retained request is known as such when it is new, too
                    (topic, SubscribeOptions(qos=qos, retainAsPublished=True))
                    for topic, qos in self._subscriptions.items()
                ]
            )
        else:
            self.subscribe(list(self._subscriptions.items()))

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
        self._on_ready(self._limits)

    def _disconnected(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._ending.was_refused:
            self._ending = Ending(str(reason))


def _in_packet(first: int, body: bytes) -> Any:  # noqa: ANN401 - paho's own
    return {
        "command": first,
        "have_remaining": 1,
        "remaining_count": [],
        "remaining_mult": 1,
        "remaining_length": len(body),
        "packet": bytearray(body),
        "to_process": 0,
        "pos": 0,
    }


def _tune(_client: paho.Client, _userdata: object, sock: Any) -> None:  # noqa: ANN401 - paho's own
    tune(sock)


def _leave_to_network_thread(_client: paho.Client, _userdata: object, _socket: object) -> None:
    """Do nothing: whoever writes from another thread wakes it."""
