"""A repository over HTTP, on one connection: chunks are small, handshakes are not."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
import urllib.request
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import edge_runtime
from edge_runtime.errors import ConfigError, EdgeError, UnavailableError, UpdateError

_OK = 200
_ATTEMPTS = 3
_PAUSE_S = 1.0
_BLOCK_BYTES = 1 << 16
# whole seconds for each so many bytes: a server that sends a byte now and then holds nobody up
_SLOWEST_BYTES_PER_S = 256
_HEADERS = {
    "User-Agent": f"edge-runtime/{edge_runtime.__version__}",
    "Accept-Encoding": "identity",
    # the index has to be the newest; what else there is never changes
    "Cache-Control": "no-cache",
}


class HttpSource:
    """Reads files below a URL; certificates are checked against the system's authorities.

    Any static web server or object store will do: nothing but GET is asked for, and no ranges,
    since a chunk is small enough to be asked for again. A proxy is taken from the environment, as
    everywhere (``https_proxy``, ``no_proxy``). A redirect is an error that says where to.

    Raises:
        ConfigError: it is no URL with http or https and a host.
    """

    uses_link = True

    def __init__(
        self,
        url: str,
        timeout_s: float,
        *,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            raise ConfigError(f"update.url: {url!r}: {exc}") from exc
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"update.url must be http://… or https://…, not {url!r}")
        if parts.username or parts.query or parts.fragment:
            raise ConfigError("update.url takes neither credentials nor a query")
        self._host, self._port = parts.hostname, port
        self._is_secure = parts.scheme == "https"
        self._root = parts.path.rstrip("/")
        self._shown = f"{parts.scheme}://{parts.netloc}{self._root}"
        self._timeout_s = timeout_s
        self._context = context
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None

    def read(self, path: str, most_bytes: int) -> bytes:
        """Return a file; tried again where the connection broke. Errors as in ``Source``."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_PAUSE_S * 2 ** (attempt - 1))
            try:
                return self._get(path, most_bytes)
            except EdgeError:
                raise  # the server answered: to ask again would not help
            except (OSError, http.client.HTTPException) as exc:
                self.close()
                # a certificate does not get any better
                if attempt == _ATTEMPTS - 1 or isinstance(exc, ssl.SSLCertVerificationError):
                    said = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
                    raise UnavailableError(
                        f"{self._shown}/{path} cannot be fetched: {said}; what was fetched is kept"
                    ) from exc
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def _get(self, path: str, most_bytes: int) -> bytes:
        connection = self._connection = self._connection or self._connect()
        target = f"{self._root}/{quote(path)}"
        if self._proxy is not None and not self._is_secure:
            target = f"http://{self._netloc}{target}"
        connection.request("GET", target, headers=_HEADERS)
        response = connection.getresponse()
        if response.status != _OK:
            self.close()
            moved = response.getheader("Location")
            more = f" (it is at {moved}: set update.url to that)" if moved else ""
            raise UnavailableError(
                f"{self._shown}/{path}: {response.status} {response.reason}{more}"
            )
        return self._body(response, path, most_bytes)

    def _body(self, response: http.client.HTTPResponse, path: str, most_bytes: int) -> bytes:
        until = time.monotonic() + self._timeout_s + most_bytes / _SLOWEST_BYTES_PER_S
        content = bytearray()
        while block := response.read1(_BLOCK_BYTES):
            content += block
            if len(content) > most_bytes:
                self.close()
                raise UpdateError(
                    f"{self._shown}/{path} is larger than {most_bytes} bytes; it is refused"
                )
            if time.monotonic() > until:
                raise TimeoutError("it comes too slowly")
        if response.length:
            raise http.client.IncompleteRead(bytes(content), response.length)
        response.read()  # nothing more: it lets the connection be used again, which read1 does not
        return bytes(content)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._host, self._port
        if (proxy := self._proxy) is not None:
            parts = urlsplit(proxy)
            host, port = parts.hostname or "", parts.port or 80
        if not self._is_secure:
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        context = self._context or ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            host, port, timeout=self._timeout_s, context=context
        )
        if proxy is not None:
            connection.set_tunnel(self._host, self._port or 443)
        return connection

    @property
    def _netloc(self) -> str:
        return self._host if self._port is None else f"{self._host}:{self._port}"

    @property
    def _proxy(self) -> str | None:
        if urllib.request.proxy_bypass(self._host):
            return None
        return urllib.request.getproxies().get("https" if self._is_secure else "http")
