"""The HTTP server of the bundles, as a service."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import ConfigError
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.offer import Offer
from edge_runtime.http.web_server import WebServer

_log = logging.getLogger(__name__)


class HttpServer:
    """Offers bundles, each under a name, to OpenAI's clients; ``default`` is the first that fits.

    Raises:
        ConfigError: no bundle is given, or one named ``default``; a certificate cannot be used; the
            extra ``http`` is not installed.
    """

    def __init__(self, settings: HttpSettings, assistants: Mapping[str, Assistant]) -> None:
        try:
            from edge_runtime.http.app import make_app  # noqa: PLC0415 - starlette is an extra
        except ModuleNotFoundError as exc:
            raise ConfigError(
                "the HTTP server is missing; run: pip install 'edge-runtime[http]'"
            ) from exc
        self._offer = Offer(assistants, waiting=settings.waiting)
        self._web = WebServer(settings, make_app(settings, self._offer))

    @property
    def url(self) -> str:
        """Where clients find it, as their ``base_url``; known once it has started."""
        return f"{self._web.url}/v1"

    @property
    def count(self) -> int:
        """The requests that are at work or wait in line."""
        return sum(offered.line.count for offered in self._offer.all)

    def start(self) -> None:
        """Listen; requests are answered on threads of their own.

        Raises:
            ConfigError: the address cannot be used.
        """
        self._web.start()
        names = ", ".join(offered.name for offered in self._offer.all)
        _log.info("ready: %s offers %s", self.url, names)

    def stop(self) -> None:
        """Take no more connections, finish the requests at hand, and end all threads.

        What takes longer than 10 s is cut off at its next token.
        """
        self._web.stop()
        self._offer.close()
