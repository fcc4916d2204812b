"""Connects when it is told to, and moves messages until that connection ends."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.link_errors import why_no_link
from edge_runtime.bridge.mqtt.publish_packet import (
    PUBACK,
    PUBLISH,
    packet_id_of,
    puback_packet,
    publish_packet,
    read_puback,
    read_publish,
)
from edge_runtime.bridge.mqtt.session import Ending, Limits, Session
from edge_runtime.bridge.mqtt.tls_errors import why_no_trust
from edge_runtime.bridge.mqtt.wakeup import Wakeup
from edge_runtime.bridge.protocol.message import Message

_log = logging.getLogger(__name__)

_LOOK_S = 1.0  # for the keep-alive
_KIND = 0xF0


@dataclass(frozen=True)
class Callbacks:
    """Called by the network thread; each returns at once.

    ``ready``: the broker has confirmed the subscriptions; ``arrived`` returns the ticket for the
    packet id of a message of QoS 1, before ``received`` gets it; ``taken``: the broker has
    acknowledged a packet, with a reason code.
    """

    ready: Callable[[Limits], None]
    arrived: Callable[[int], int]
    received: Callable[[Message], None]
    taken: Callable[[int, int], None]


class Client:
    """``subscriptions`` maps topic filters to QoS; a session expiry of 0 s is a clean start.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        callbacks: Callbacks,
        *,
        client_id: str,
        will: Message | None,
        subscriptions: Mapping[str, int],
        session_expiry_s: int,
    ) -> None:
        self._settings = settings
        self._callbacks = callbacks
        self._is_v5 = settings.protocol == "5"
        self._out: deque[bytes] = deque()
        self._wakeup = Wakeup()
        self._session = Session(
            settings,
            client_id=client_id,
            will=will,
            subscriptions=subscriptions,
            session_expiry_s=session_expiry_s,
            on_ready=callbacks.ready,
            on_packet=self._received,
        )

    # any thread

    def send(self, message: Message, packet_id: int, is_again: bool) -> None:  # noqa: FBT001
        """Write a message as soon as the network thread can; ``packet_id`` is 0 at QoS 0.

        Raises:
            ValueError: the topic or a property cannot be sent.
        """
        self._write(publish_packet(message, packet_id, dup=is_again, is_v5=self._is_v5))

    def acknowledge(self, packet_id: int) -> None:
        """Write an acknowledgement as soon as the network thread can."""
        self._write(puback_packet(packet_id))

    def new_id(self) -> int:
        """Return a packet id."""
        return self._session.packet_id()

    def disconnect(self) -> None:
        """End the connection, after what was written before."""
        self._session.disconnect()
        self._wakeup.wake()

    # the network thread

    def run(self) -> Ending:
        """Connect, and return when that has failed or the connection has ended."""
        self._out.clear()
        self._wakeup.open()
        try:
            goes_on = self._session.open()
            while goes_on:
                goes_on = self._turn()
        except OSError as exc:
            mistrust = why_no_trust(exc)
            why = mistrust or why_no_link(exc, tls=self._settings.tls)
            return Ending(why, was_refused=mistrust is not None)
        except Exception as exc:  # noqa: BLE001 - the next connection may fare better
            log_failure(_log, "the MQTT client failed", exc)
            return Ending(str(exc))
        finally:
            self._wakeup.close()
        return self._session.ending

    def close(self) -> None:
        """Free what is left of the last connection."""
        self._session.close()

    def _turn(self) -> bool:
        """Write what there is, wait, and read what has come; return whether it goes on."""
        session = self._session
        self._wakeup.asleep()
        if self._out:
            session.write(b"".join([self._out.popleft() for _ in range(len(self._out))]))
        sock = session.socket()
        if sock is None:
            return False
        has_bytes = session.has_bytes()
        can_read, can_write = self._wakeup.wait(
            sock, 0.0 if has_bytes else _LOOK_S, is_writing=session.want_write()
        )
        return session.work(can_read=can_read or has_bytes, can_write=can_write)

    def _received(self, first: int, body: bytes) -> bool:
        """Take a packet; False if it is not about a message.

        A message that cannot be read is skipped: the broker would send it again at every connect,
        and anyone who may publish a request could silence a node for ever.
        """
        kind = first & _KIND
        if kind == PUBACK:
            self._callbacks.taken(*read_puback(body))
            return True
        if kind != PUBLISH:
            return False
        try:
            message = read_publish(first, body, is_v5=self._is_v5, arrived=self._callbacks.arrived)
        except ValueError as exc:
            _log.warning("dropped a message that cannot be read: %s", exc)
            if packet_id := packet_id_of(first, body):
                self.acknowledge(packet_id)
        else:
            self._callbacks.received(message)
        return True

    def _write(self, packet: bytes) -> None:
        self._out.append(packet)
        self._wakeup.wake()
