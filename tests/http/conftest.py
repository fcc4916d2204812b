"""A server with the default bundle and a tiny one that chats, and OpenAI's client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.http.server import HttpServer
from tests.http.serving import serving, talking


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason="needs the extra `export`")
    from tests.http.tiny_writer import tiny_writer

    return tiny_writer(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def writer(tiny_chat: Path) -> Assistant:
    return Assistant(Store(None).open(str(tiny_chat)))


@pytest.fixture(scope="session")
def reader() -> Assistant:
    return Assistant(Store(None).open())


@pytest.fixture(scope="session")
def server(writer: Assistant, reader: Assistant) -> Iterator[HttpServer]:
    """Offers ``assistant`` and ``tiny-chat``."""
    with serving({"assistant": reader, "tiny-chat": writer}) as running:
        yield running


@pytest.fixture(scope="session")
def reading_server(reader: Assistant) -> Iterator[HttpServer]:
    """Offers ``assistant`` alone."""
    with serving({"assistant": reader}) as running:
        yield running


@pytest.fixture
def client(server: HttpServer) -> Iterator[openai.OpenAI]:
    with talking(server) as made:
        yield made


@pytest.fixture
def reading_client(reading_server: HttpServer) -> Iterator[openai.OpenAI]:
    with talking(reading_server) as made:
        yield made
