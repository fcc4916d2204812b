"""The routes: the page's files for anyone, what they show for who has signed in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.dashboard.access import Access
from edge_runtime.dashboard.errors import ReadOnlyError
from edge_runtime.dashboard.feed import Feed, Viewer
from edge_runtime.dashboard.orders import order_message, read_order
from edge_runtime.dashboard.reports import MOST_BYTES
from edge_runtime.errors import BadRequestError, EdgeError, TooLargeError, UnavailableError

_log = logging.getLogger(__name__)

_MOST_BODY_BYTES = 2 * MOST_BYTES
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Endpoint = Callable[[Request], Awaitable[Response]]
Publish = Callable[[Message], Awaitable[None]]


class _SignIn(msgspec.Struct, frozen=True):
    token: str


def make_app(
    access: Access, feed: Feed, publish: Publish, *, texts: bool, read_only: bool
) -> Starlette:
    """Return the application; ``publish`` raises EdgeError where a message is not taken."""
    routes = _Routes(access, feed, publish, texts=texts, read_only=read_only)

    def guarded(endpoint: Endpoint, *, is_open: bool = False) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                access.check_host(request.headers)
                if request.method == "POST":
                    access.check_origin(request.headers)
                if not is_open:
                    access.check_session(request.headers)
                response = await endpoint(request)
            except EdgeError as exc:
                response = _refused(exc)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Exception as exc:  # noqa: BLE001 - whoever asked gets an answer
                log_failure(_log, "a request of the dashboard failed", exc)
                response = _refused(EdgeError("the dashboard failed; see its log"))
            response.headers.update(_HEADERS)
            return response

        return answer

    files = _page_files()
    return Starlette(
        routes=[
            Route("/", guarded(_file(files, "index.html"), is_open=True)),
            *(Route(f"/{name}", guarded(_file(files, name), is_open=True)) for name in files),
            Route("/api/session", guarded(routes.session)),
            Route("/api/sign-in", guarded(routes.sign_in, is_open=True), methods=["POST"]),
            Route("/api/sign-out", guarded(routes.sign_out, is_open=True), methods=["POST"]),
            Route("/api/stream", guarded(routes.stream)),
            Route("/api/order", guarded(routes.order), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _no_route},
    )


class _Routes:
    """The endpoints; each returns an answer or raises EdgeError."""

    def __init__(
        self, access: Access, feed: Feed, publish: Publish, *, texts: bool, read_only: bool
    ) -> None:
        self._access = access
        self._feed = feed
        self._publish = publish
        self._texts = texts
        self._read_only = read_only

    async def session(self, _request: Request) -> Response:
        return _json({"texts": self._texts, "read_only": self._read_only})

    async def sign_in(self, request: Request) -> Response:
        try:
            given = msgspec.json.decode(await _body(request), type=_SignIn)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise BadRequestError("send the token as JSON") from exc
        return Response(status_code=204, headers={"Set-Cookie": self._access.sign_in(given.token)})

    async def sign_out(self, request: Request) -> Response:
        cookie = self._access.sign_out(request.headers)
        return Response(status_code=204, headers={"Set-Cookie": cookie})

    async def stream(self, request: Request) -> Response:
        viewer = self._feed.view(texts=request.query_params.get("texts") == "1")
        return _EventStream(viewer, self._feed)

    async def order(self, request: Request) -> Response:
        if self._read_only:
            raise ReadOnlyError("this dashboard only shows; it was started with --read-only")
        await self._publish(order_message(read_order(await _body(request))))
        return Response(status_code=204)


class _EventStream(StreamingResponse):
    """Server-sent events until the page is closed, or the server."""

    def __init__(self, viewer: Viewer, feed: Feed) -> None:
        super().__init__(viewer.events(), media_type="text/event-stream")
        self._viewer = viewer
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._viewer)


def _page_files() -> dict[str, bytes]:
    page = resources.files("edge_runtime.dashboard") / "page"
    return {each.name: each.read_bytes() for each in page.iterdir() if each.is_file()}


def _file(files: Mapping[str, bytes], name: str) -> Endpoint:
    media_type = _TYPES[name.rpartition(".")[2]]

    async def answer(_request: Request) -> Response:
        return Response(files[name], media_type=media_type)

    return answer


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY_BYTES:
            raise TooLargeError(f"at most {_MOST_BODY_BYTES} bytes are accepted")
    return bytes(body)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _refused(error: EdgeError) -> Response:
    code = 409 if isinstance(error, UnavailableError) else int(error.code)
    return _json({"error": {"type": error.kind, "message": str(error)}}, code)


async def _no_route(_request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 404
    response = _json({"error": {"type": "unknown_url", "message": "there is no such page"}}, status)
    response.headers.update(_HEADERS)
    return response
