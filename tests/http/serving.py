"""A running server, a client that never repeats a request, and something that takes long."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import openai

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.server import HttpServer

JSON = {"Content-Type": "application/json"}

# some 30 s of writing, and then a prompt that nothing before begins like
LONG = [*(f"{number} is the number of this text" for number in range(40)), "Zebras come last"]
LONG_TOKENS = 2000
_PATIENCE_S = 60


@contextlib.contextmanager
def serving(
    assistants: Mapping[str, Assistant], settings: HttpSettings | None = None
) -> Iterator[HttpServer]:
    server = HttpServer(settings or HttpSettings(), assistants)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def talking(server: HttpServer, key: str = "none") -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key=key, max_retries=0, timeout=60) as client:
        yield client


class Raw(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any


def raw(
    server: HttpServer,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Raw:
    """Ask as no well-behaved client would; ``path`` begins with the version."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Raw(
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            json.loads(answer.read()),
        )


@contextlib.contextmanager
def long_stream(client: openai.OpenAI) -> Iterator[None]:
    """Keep ``tiny-chat`` busy with ``LONG``; at the end of the block the client goes away."""
    stream = client.completions.create(
        model="tiny-chat", prompt=LONG, max_tokens=LONG_TOKENS, temperature=1, stream=True
    )
    with stream:
        next(iter(stream))
        yield


def wait_until_idle(server: HttpServer) -> None:
    give_up_at = time.monotonic() + _PATIENCE_S
    while server.count:
        assert time.monotonic() < give_up_at, "somebody is still at work"
        time.sleep(0.01)


def was_read(writer: Assistant, prompt: str) -> bool:
    """Whether a prompt is what the model has read last."""
    assert writer.writer is not None
    generator = writer.writer.generator
    assert generator is not None
    ids = generator.tokenizer.ids(prompt)
    return generator._decoder.tokens[: len(ids)] == ids  # noqa: SLF001 - nothing else tells
