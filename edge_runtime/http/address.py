"""Where the HTTP server listens, and who may come in; this machine only unless told otherwise."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.errors import ConfigError

LOOPBACK = "127.0.0.1"
WAITING = 8  # requests that wait for one bundle

_HIGHEST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """Address, key and certificate; made by ``parse``.

    Port 0 is any free one. ``waiting`` is how many requests may wait for each bundle.
    """

    host: str = LOOPBACK
    port: int = 0
    key: str | None = field(default=None, repr=False)
    cert_file: Path | None = None
    cert_key_file: Path | None = None
    waiting: int = WAITING

    @property
    def only_local(self) -> bool:
        """Whether nobody but this machine can reach the server."""
        return is_loopback(self.host)

    @classmethod
    def parse(
        cls,
        address: str,
        *,
        key: str | None = None,
        allow_open: bool = False,
        cert_file: Path | None = None,
        cert_key_file: Path | None = None,
    ) -> HttpSettings:
        """Read ``[HOST]:PORT``; without a host it is 127.0.0.1, an IPv6 address has brackets.

        Raises:
            ConfigError: the address is wrong, a certificate comes without its key, or others could
                reach the server without a key.
        """
        host, colon, port = address.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if bracketed else host
        if not colon or not _is_port(port) or (":" in host) != bracketed:
            raise ConfigError(
                f"the HTTP address {address!r} is not like :8080, 0.0.0.0:8080 or [::]:8080"
            )
        if (cert_file is None) != (cert_key_file is None):
            raise ConfigError("HTTPS takes both files: the certificate and its private key")
        host = host or LOOPBACK
        if not (key or allow_open or is_loopback(host)):
            raise ConfigError(
                f"anyone who reaches {host}:{port} could use the models: give --http-key-file, or "
                "--http-allow-open if that is wanted"
            )
        return cls(
            host=host, port=int(port), key=key, cert_file=cert_file, cert_key_file=cert_key_file
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= _HIGHEST_PORT
