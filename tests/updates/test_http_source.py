from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bridge.access.certificates import new_authority, new_broker
from edge_runtime.errors import ConfigError, UnavailableError, UpdateError
from edge_runtime.updates.http_source import HttpSource
from tests.updates.site import Site, weights


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        faults: list[str] = self.server.faults  # type: ignore[attr-defined]
        fault = faults.pop(0) if faults else ""
        if fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault == "moved":
            self.send_response(302)
            self.send_header("Location", "https://elsewhere.example/x")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


class Server:
    """Any static web server."""

    def __init__(self, root: Path, context: ssl.SSLContext | None = None) -> None:
        def handler(*arguments: Any) -> _Handler:
            return _Handler(*arguments, directory=str(root))

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.faults = []  # type: ignore[attr-defined]
        self.http.connections = 0  # type: ignore[attr-defined]
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.faults: list[str] = self.http.faults  # type: ignore[attr-defined]
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://localhost:{self.http.server_address[1]}"

    @property
    def connections(self) -> int:
        return int(self.http.connections)  # type: ignore[attr-defined]


@contextlib.contextmanager
def serving(root: Path, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(root, context)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "file").write_bytes(b"content")
    with serving(tmp_path) as running:
        yield running


def _source(url: str) -> HttpSource:
    return HttpSource(url, 5.0, sleep=lambda _s: None)


def test_a_whole_update_comes_over_one_connection(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish("1", weights=weights(1_000_000))
    with serving(site.repository) as server:
        site.source = _source(server.url)
        (found,) = site.updater().update()
        assert found.state == "switched"
        assert server.connections == 1
    assert site.running == "1"


def test_a_connection_that_breaks_is_made_again(server: Server) -> None:
    server.faults += ["cut", "cut"]
    source = _source(server.url)
    assert source.read("file", 100) == b"content"
    server.faults += ["cut", "cut", "cut"]
    with pytest.raises(UnavailableError, match="what was fetched is kept"):
        source.read("file", 1000)
    source.close()


def test_a_file_that_is_not_there_is_asked_for_once(server: Server) -> None:
    source = _source(server.url)
    with pytest.raises(UnavailableError, match=r"/other: 404"):
        source.read("other", 100)
    assert server.connections == 1


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.faults.append("moved")
    with pytest.raises(UnavailableError, match=r"it is at https://elsewhere"):
        _source(server.url).read("file", 100)


def test_a_file_that_is_too_large_is_refused(server: Server) -> None:
    with pytest.raises(UpdateError, match="larger than 3 bytes"):
        _source(server.url).read("file", 3)


def test_nobody_listens_is_said_in_one_line() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UnavailableError, match="cannot be fetched"):
        _source(f"http://127.0.0.1:{port}").read("file", 100)


@pytest.mark.parametrize("url", ["ftp://host/x", "https://", "https://user@host/", "http://h:x/"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"update\.url"):
        _source(url)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    now = dt.datetime.now(dt.UTC)
    authority = new_authority("test", now)
    server_side = new_broker(authority, ["localhost"], now)
    pem = tmp_path / "server.pem"
    pem.write_bytes(server_side.certificate + server_side.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with serving(tmp_path, context) as server:
        with pytest.raises(UnavailableError, match="certificate"):
            _source(server.url).read("file", 100)
        trusting = ssl.create_default_context(cadata=authority.certificate.decode())
        source = HttpSource(server.url, 5.0, context=trusting)
        assert source.read("file", 100) == b"content"
        source.close()
