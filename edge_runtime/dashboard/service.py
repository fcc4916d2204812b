"""The dashboard as a service: a page over HTTP, and a connection to the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.dashboard.access import Access
from edge_runtime.dashboard.feed import Feed
from edge_runtime.dashboard.fleet import Fleet
from edge_runtime.dashboard.link import Link
from edge_runtime.errors import ConfigError
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.web_server import WebServer

if TYPE_CHECKING:
    from starlette.applications import Starlette


class Dashboard:
    """Serves the page for all nodes that this user of the broker may read.

    ``announce`` is told where it is, once it listens. Without ``texts`` nothing that people wrote
    is kept or shown; with ``read_only`` no order is passed on.

    Raises:
        ConfigError: a certificate cannot be used; the extra ``http`` is not installed.
    """

    def __init__(  # noqa: PLR0913 - all but three are keywords
        self,
        settings: HttpSettings,
        broker: BrokerSettings,
        access: Access,
        *,
        texts: bool = False,
        read_only: bool = False,
        announce: Callable[[str], None] = lambda _url: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._feed = Feed(Fleet(now, texts=texts), now, broker=broker.address)
        self._link = Link(broker, self._feed)
        self._announce = announce
        app = _application(access, self._feed, self._link, texts=texts, read_only=read_only)
        self._web = WebServer(settings, app)

    @property
    def url(self) -> str:
        """Where the page is; the port is known once it has started."""
        return f"{self._web.url}/"

    def start(self) -> None:
        """Listen, and connect to the broker or keep trying.

        Raises:
            ConfigError: the address cannot be used.
        """
        self._web.start()
        self._link.start()
        self._announce(self.url)

    def stop(self) -> None:
        """End the pages that are open, and go."""
        self._feed.close()
        self._web.stop()
        self._link.stop()


def _application(
    access: Access, feed: Feed, link: Link, *, texts: bool, read_only: bool
) -> Starlette:
    try:
        from edge_runtime.dashboard.app import make_app  # noqa: PLC0415 - starlette is an extra
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "the dashboard needs a web server; run: pip install 'edge-runtime[http]'"
        ) from exc
    return make_app(access, feed, link.send, texts=texts, read_only=read_only)
