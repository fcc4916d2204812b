"""``dashboard``: a page that shows the fleet, live."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.cli.escalate import broker_settings
from edge_runtime.cli.http_address import HttpCert, HttpCertKey, read_http_address
from edge_runtime.cli.options import Broker
from edge_runtime.cli.service import log_to_stderr, run_until_signalled, signals_held
from edge_runtime.errors import ConfigError
from edge_runtime.settings import load_settings

if TYPE_CHECKING:
    from edge_runtime.http.address import HttpSettings

ADDRESS = "127.0.0.1:8090"

_TOKEN_BYTES = 32


def dashboard(
    http: Annotated[
        str, typer.Option(metavar="[ADDRESS]:PORT", help="Where the page is served.")
    ] = ADDRESS,
    broker: Broker = None,
    token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The token to sign in with; else a new one.")
    ] = None,
    texts: Annotated[
        bool, typer.Option("--texts", help="Let the page show what people asked, on a switch.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show only: no policy, no pause, no flush.")
    ] = False,
    host_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that browsers know this server by; repeatable."),
    ] = None,
    http_cert: HttpCert = None,
    http_cert_key: HttpCertKey = None,
    http_allow_plain: Annotated[
        bool, typer.Option("--http-allow-plain", help="Serve a network without TLS.")
    ] = False,
) -> None:
    """Serve a page that shows nodes, queries, risk, queues and workers, until SIGTERM.

    It shows what its user of the broker may read, and steers what that user may write.
    """
    from edge_runtime.bridge.mqtt.credentials import read_secret_file
    from edge_runtime.dashboard.access import Access
    from edge_runtime.dashboard.service import Dashboard

    settings = load_settings(broker=broker)
    if settings.broker is None:
        raise ConfigError("which broker? give --broker mqtt://localhost, or set EDGE_BROKER")
    address = _address(http, http_cert, http_cert_key, allow_plain=http_allow_plain)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    if token_file is not None:
        token = read_secret_file(Path(token_file))
    access = Access(
        token,
        only_local=address.only_local,
        host_names=[*(host_name or []), *_own_names(only_local=address.only_local)],
        secure=address.cert_file is not None,
    )

    def announce(url: str) -> None:
        # a fragment is never sent: the token is in no log of a server, and in no Referer
        print(url if token_file else f"{url}#token={token}", flush=True)

    log_to_stderr()
    with signals_held():
        run_until_signalled(
            Dashboard(
                address,
                broker_settings(settings, settings.broker),
                access,
                texts=texts,
                read_only=read_only,
                announce=announce,
            )
        )


def _address(
    text: str, cert: str | None, cert_key: str | None, *, allow_plain: bool
) -> HttpSettings:
    """Read the address; the token that every visitor needs stands for the key.

    Raises:
        ConfigError: the address is wrong, or would send texts and the token unencrypted.
    """
    address = read_http_address(text, cert, cert_key, allow_open=True)
    if not (address.only_local or cert or allow_plain):
        raise ConfigError(
            f"a page at {text} would cross the network unencrypted, and its token with it: give "
            "--http-cert and --http-cert-key, or --http-allow-plain if that is wanted"
        )
    return address


def _own_names(*, only_local: bool) -> list[str]:
    host = os.uname().nodename.lower()
    return [] if only_local else [host, f"{host}.local"]
