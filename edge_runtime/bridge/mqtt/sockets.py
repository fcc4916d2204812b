"""What the kernel is asked for: no delays for small messages, TLS, and a prompt end of silence."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Protocol

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.credentials import check_private
from edge_runtime.errors import ConfigError

_USER_TIMEOUT_MS = 10_000  # a silent link with data under way is given up after this


class _Tunable(Protocol):
    def setsockopt(self, level: int, optname: int, value: int, /) -> None: ...


def tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and host name.

    Raises:
        ConfigError: a certificate or key file cannot be used, or others can read the key.
    """
    key_file = settings.key_file or settings.cert_file  # a file may hold both
    if key_file is not None:
        check_private(key_file)
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ValueError) as exc:
        files = [settings.ca_file, settings.cert_file, settings.key_file]
        names = ", ".join(str(file) for file in files if file is not None)
        why = (exc.strerror if isinstance(exc, OSError) else None) or exc
        raise ConfigError(
            f"the TLS files {names} cannot be used: {why}; see mqtt_ca_file, "
            "mqtt_cert_file and mqtt_key_file"
        ) from exc
    return context


def tune(sock: _Tunable) -> None:
    """Set up a new socket; options that this kernel does not have are left out."""
    # without it a broker that delays its ACKs turns each small answer into 44 ms
    _set(sock, "TCP_NODELAY", 1)
    _set(sock, "TCP_USER_TIMEOUT", _USER_TIMEOUT_MS)


def acknowledge_at_once(sock: _Tunable) -> None:
    """Send the TCP ACK now; the kernel forgets this wish, so call it after each receive."""
    _set(sock, "TCP_QUICKACK", 1)


def _set(sock: _Tunable, name: str, value: int) -> None:
    option = getattr(socket, name, None)
    if option is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
