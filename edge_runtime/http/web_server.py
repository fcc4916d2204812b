"""An ASGI application on an address, as a service; the only import of uvicorn."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from edge_runtime.errors import ConfigError
from edge_runtime.http.address import HttpSettings

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 10
_BACKLOG = 64
_CONNECTIONS = 128

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Scope]]
_Send = Callable[[_Scope], Awaitable[None]]
AsgiApp = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class WebServer:
    """Serves one application on a thread of its own; ``lifespan`` is not called.

    Raises:
        ConfigError: a certificate cannot be used; the extra ``http`` is not installed.
    """

    def __init__(self, settings: HttpSettings, app: AsgiApp) -> None:
        try:
            import uvicorn  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as exc:
            raise ConfigError(
                "the HTTP server is missing; run: pip install 'edge-runtime[http]'"
            ) from exc
        self._settings = settings
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_TIMEOUT_S,
            ssl_certfile=settings.cert_file,
            ssl_keyfile=settings.cert_key_file,
        )
        try:
            config.load()
        except OSError as exc:  # ssl.SSLError is one
            raise ConfigError(
                f"the TLS files {settings.cert_file} and {settings.cert_key_file} cannot be used: "
                f"{exc}"
            ) from exc
        self._server = uvicorn.Server(config)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where clients find it, without a path; the port is known once it has started."""
        host, port = self._settings.host, self._settings.port
        if self._socket is not None:
            port = self._socket.getsockname()[1]
        scheme = "https" if self._settings.cert_file else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address cannot be used.
        """
        host, port = self._settings.host, self._settings.port
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            both = host == "::" and socket.has_dualstack_ipv6()
            self._socket = socket.create_server(
                address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both
            )
            # connections inherit it; without, the body waits 40 ms for the ACK of the headers
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            why = (exc.strerror or str(exc)).partition(" (while")[0]  # says the address once more
            raise ConfigError(
                f"cannot listen at {host}:{port}: {why}; choose another --http"
            ) from exc
        if not (self._settings.only_local or self._settings.cert_file):
            _log.warning("texts and keys cross the network unencrypted; see --http-cert")
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections and finish the requests at hand.

        What takes longer than 10 s is cut off.
        """
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
