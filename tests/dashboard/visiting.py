"""A running dashboard, and a visitor who is no browser."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.broker import Broker
from edge_runtime.dashboard.access import Access
from edge_runtime.dashboard.service import Dashboard
from edge_runtime.http.address import HttpSettings
from tests.bridge.harness import settings

TOKEN = "the token of this dashboard"

_PATIENCE_S = 30


class Page(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Visitor:
    """Asks as nobody's browser would; keeps the cookie that it is given."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._cookie: dict[str, str] = {}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return self._ask("GET", path, None, headers or {})

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Page:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask(
            "POST", path, data, {"Content-Type": "application/json", **(headers or {})}
        )

    def sign_in(self, token: str = TOKEN) -> Page:
        page = self.post("/api/sign-in", {"token": token})
        if "set-cookie" in page.headers:
            self._cookie = {"Cookie": page.headers["set-cookie"].partition(";")[0]}
        return page

    @contextlib.contextmanager
    def stream(self, path: str = "/api/stream") -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """Give the events of a stream as they come."""
        connection = http.client.HTTPConnection(self._address, timeout=_PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=self._cookie)
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            yield _events(answer)

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Page:
        connection = http.client.HTTPConnection(self._address, timeout=_PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**self._cookie, **headers})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Page(answer.status, found, answer.read())


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    while line := answer.readline():
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


@contextlib.contextmanager
def running_dashboard(
    broker: Broker, *, texts: bool = False, read_only: bool = False
) -> Iterator[Dashboard]:
    dashboard = Dashboard(
        HttpSettings(),
        settings(broker),
        Access(TOKEN, only_local=True),
        texts=texts,
        read_only=read_only,
    )
    dashboard.start()
    try:
        yield dashboard
    finally:
        dashboard.stop()
