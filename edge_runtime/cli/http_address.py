"""Where a command serves HTTP: the options that say it, and the address that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_runtime.http.address import HttpSettings

HttpCert = Annotated[
    str | None, typer.Option("--http-cert", metavar="FILE", help="TLS certificate (PEM).")
]
HttpCertKey = Annotated[
    str | None,
    typer.Option("--http-cert-key", metavar="FILE", help="The certificate's private key (PEM)."),
]


def read_http_address(
    address: str,
    cert: str | None,
    cert_key: str | None,
    *,
    key_file: str | None = None,
    allow_open: bool,
) -> HttpSettings:
    """Read an address and the files that belong to it.

    Raises:
        ConfigError: the address or the key file is wrong, a certificate comes without its key, or
            others could reach the server without a key.
    """
    from edge_runtime.bridge.mqtt.credentials import read_secret_file
    from edge_runtime.http.address import HttpSettings

    files = [Path(name).expanduser() if name else None for name in (cert, cert_key)]
    return HttpSettings.parse(
        address,
        key=read_secret_file(Path(key_file)) if key_file else None,
        allow_open=allow_open,
        cert_file=files[0],
        cert_key_file=files[1],
    )
