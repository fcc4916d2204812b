"""Where the broker is and how to get in; TLS unless it is on this machine."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from edge_runtime.bridge.mqtt.credentials import read_secret
from edge_runtime.errors import ConfigError

Protocol = Literal["5", "3.1.1"]
PASSWORD_VARIABLE = "EDGE_MQTT_PASSWORD"

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """Address, credentials and protocol version; made by ``parse``."""

    host: str
    port: int = 1883
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    protocol: Protocol = "5"

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(  # noqa: PLR0913 - all but the URL are keywords
        cls,
        url: str,
        *,
        protocol: Protocol = "5",
        allow_plain: bool = False,
        ca_file: Path | None = None,
        cert_file: Path | None = None,
        key_file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> BrokerSettings:
        """Read ``mqtt://[user@]host[:port]`` or ``mqtts://…``.

        The password comes from ``EDGE_MQTT_PASSWORD`` or the file that
        ``EDGE_MQTT_PASSWORD_FILE`` names.

        Raises:
            ConfigError: the URL is wrong or holds a password, the version is unknown, a secret
                cannot be read, or plain MQTT would leave this machine.
        """
        if protocol not in {"5", "3.1.1"}:
            raise ConfigError(f"MQTT protocol {protocol!r} is not known; use 5 or 3.1.1")
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError) as exc:
            raise ConfigError("the broker URL is not like mqtt://host or mqtts://host") from exc
        if parts.password is not None:
            raise ConfigError(
                "the broker URL holds a password, which others can read in the process list; "
                f"set {PASSWORD_VARIABLE} or {PASSWORD_VARIABLE}_FILE instead"
            )
        if not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ConfigError(f"broker {url!r} is not like mqtt://host:port")
        tls = parts.scheme == "mqtts"
        if not (tls or allow_plain or is_loopback(parts.hostname)):
            raise ConfigError(
                f"mqtt://{parts.hostname} would send texts and passwords unencrypted; "
                "use mqtts://, or set mqtt_allow_plain = true if that network is to be trusted"
            )
        if not tls and (ca_file or cert_file or key_file):
            raise ConfigError("certificates are of use with mqtts:// only")
        return cls(
            host=parts.hostname,
            port=port,
            tls=tls,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            username=unquote(parts.username) if parts.username else None,
            password=read_secret(environ, PASSWORD_VARIABLE),
            protocol=protocol,
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
