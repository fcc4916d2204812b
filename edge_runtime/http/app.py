"""The routes: a request in, OpenAI's JSON or a stream of it out; the only import of starlette."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge_runtime.errors import EdgeError, TooLargeError
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.chat import TASK as CHAT
from edge_runtime.http.chat import ChatCompletion
from edge_runtime.http.completions import WRITTEN, Completion
from edge_runtime.http.embeddings import TASK as EMBED
from edge_runtime.http.embeddings import Embeddings
from edge_runtime.http.errors import RETRY_AFTER_S, BusyError, error_body, error_object
from edge_runtime.http.gate import Gate
from edge_runtime.http.line import Writing
from edge_runtime.http.offer import Offer
from edge_runtime.http.requests import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    read,
)
from edge_runtime.messages import MAX_PAYLOAD_BYTES

_log = logging.getLogger(__name__)

_READ_ON = 32  # times the largest payload: a client that is told so reads its answer afterwards
_GONE = 499  # for nobody: nginx's status for a client that closed the connection

_Result = TypeVar("_Result")
Endpoint = Callable[[HttpRequest], Awaitable[Response]]


def make_app(settings: HttpSettings, offer: Offer) -> Starlette:
    """Return the application; ``lifespan`` and signals are the server's business."""
    routes = _Routes(offer)
    gate = Gate(settings.key, only_local=settings.only_local)

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def answer(request: HttpRequest) -> Response:
            try:
                gate.check(request.method, request.headers)
                return await endpoint(request)
            except EdgeError as exc:
                return _refused(exc)
            except ClientDisconnect:
                return Response(status_code=_GONE)
            except Exception as exc:  # noqa: BLE001 - whoever asked gets an answer
                return _failed(exc)

        return answer

    return Starlette(
        routes=[
            Route("/health", routes.health),
            Route("/v1/models", guarded(routes.models)),
            Route("/v1/models/{name:path}", guarded(routes.model)),
            Route("/v1/chat/completions", guarded(routes.chat), methods=["POST"]),
            Route("/v1/completions", guarded(routes.complete), methods=["POST"]),
            Route("/v1/embeddings", guarded(routes.embed), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _no_route},
    )


class _Routes:
    """The endpoints; each returns an answer or raises EdgeError."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer

    async def health(self, _request: HttpRequest) -> Response:
        return _json({"status": "ok"})

    async def models(self, _request: HttpRequest) -> Response:
        return _json({"object": "list", "data": [each.model() for each in self._offer.all]})

    async def model(self, request: HttpRequest) -> Response:
        return _json(self._offer.named(request.path_params["name"]).model())

    async def chat(self, request: HttpRequest) -> Response:
        asked = read(await _body(request), ChatRequest)
        offered = self._offer.find(asked.model, CHAT)
        completion = ChatCompletion(asked, offered)
        writing = Writing(offered.line, completion.job())
        if asked.stream:
            return await _streamed(request, writing, completion.chunks)
        [generation] = await _written(request, writing)
        return _json(completion.whole(generation))

    async def complete(self, request: HttpRequest) -> Response:
        asked = read(await _body(request), CompletionRequest)
        offered = self._offer.find(asked.model, *WRITTEN)
        completion = Completion(asked, offered)
        writing = Writing(offered.line, completion.job())
        if asked.stream:
            return await _streamed(request, writing, completion.chunks)
        return _json(completion.whole(await _written(request, writing)))

    async def embed(self, request: HttpRequest) -> Response:
        asked = read(await _body(request), EmbeddingRequest)
        offered = self._offer.find(asked.model, EMBED)
        embeddings = Embeddings(asked, offered)
        turn = asyncio.wrap_future(offered.line.submit(embeddings.whole))
        try:
            return _json(await _unless_gone(request, turn))
        finally:
            embeddings.cancel()


Chunks = Callable[[Any, Writing], AsyncIterator[dict[str, Any]]]


async def _written(request: HttpRequest, writing: Writing) -> list[Any]:
    try:
        return await _unless_gone(request, writing.generations())
    finally:
        writing.cancel()


async def _streamed(request: HttpRequest, writing: Writing, chunks: Chunks) -> Response:
    """Return a stream once its first piece is there: until then an error has a status."""
    try:
        first = await _unless_gone(request, writing.next())
    except BaseException:
        writing.cancel()
        raise
    return _EventStream(_events(chunks(first, writing)), writing)


class _EventStream(StreamingResponse):
    """Server-sent events; the writing ends with them, or with the connection."""

    def __init__(self, events: AsyncIterator[bytes], writing: Writing) -> None:
        super().__init__(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
        )
        self._writing = writing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._writing.cancel()


async def _events(chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield _event(msgspec.json.encode(chunk))
    except EdgeError as exc:
        yield _event(msgspec.json.encode(error_object(exc)[1]))
        return
    except Exception as exc:  # noqa: BLE001 - the status has gone out already
        yield _event(bytes(_failed(exc).body))
        return
    yield _event(b"[DONE]")


def _event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


async def _unless_gone(request: HttpRequest, work: Awaitable[_Result]) -> _Result:
    """Return what the work returns; cancel it when the client goes away before.

    Raises:
        ClientDisconnect: the client went away.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: HttpRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: HttpRequest) -> bytes:
    """Read the body.

    Raises:
        TooLargeError: it has more than ``MAX_PAYLOAD_BYTES``.
        ClientDisconnect: it ends before its end.
    """
    parts: list[bytes] = []
    size_bytes = 0
    async for part in request.stream():
        size_bytes += len(part)
        if size_bytes <= MAX_PAYLOAD_BYTES:
            parts.append(part)
        elif size_bytes > _READ_ON * MAX_PAYLOAD_BYTES:
            break
    if size_bytes > MAX_PAYLOAD_BYTES:
        raise TooLargeError(
            f"the body is too large; at most {MAX_PAYLOAD_BYTES} bytes are accepted"
        )
    return b"".join(parts)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _refused(error: EdgeError) -> Response:
    status, body = error_object(error)
    if status >= 500:  # noqa: PLR2004 - not the client's fault
        _log.error("a request failed: %s", type(error).__name__)
        _log.debug("a request failed", exc_info=error)
    response = _json(body, status)
    if isinstance(error, BusyError):
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _failed(exc: Exception) -> Response:
    """Log the kind of a failure, not its text, which may quote what people wrote."""
    _log.error("a request failed: %s", type(exc).__name__)
    _log.debug("a request failed", exc_info=exc)
    message = "the server failed; see its log"
    return _json(error_body(message, kind="server_error", code="internal"), 500)


async def _no_route(request: HttpRequest, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 404
    message = f"{request.method} {request.url.path} is nothing that this server knows"
    return _json(error_body(message, kind="invalid_request_error", code="unknown_url"), status)
