from __future__ import annotations

import openai
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import ConfigError
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.offer import by_name
from edge_runtime.http.server import HttpServer
from tests.http.serving import raw


@pytest.mark.export
def test_all_models_are_listed_with_their_tasks(client: openai.OpenAI) -> None:
    models = list(client.models.list())
    assert [model.id for model in models] == ["assistant", "tiny-chat"]
    assert models[1].model_dump()["tasks"] == ["generate", "chat"]


def test_a_model_is_found_by_its_name(reading_client: openai.OpenAI) -> None:
    model = reading_client.models.retrieve("assistant")
    assert (model.id, model.object, model.owned_by) == ("assistant", "model", "edge-runtime")
    assert model.created > 1_600_000_000
    with pytest.raises(openai.NotFoundError, match="it has assistant"):
        reading_client.models.retrieve("a/b")


def test_health_is_told_without_anything_else(reading_server: HttpServer) -> None:
    answer = raw(reading_server, "GET", "/health")
    assert (answer.status, answer.body) == (200, {"status": "ok"})


def test_a_bundle_is_offered_under_the_name_in_the_store_or_its_own(reader: Assistant) -> None:
    named = by_name([("kitchen:q4", reader), ("./somewhere/else", reader)])
    assert list(named) == ["kitchen:q4", reader.bundle.manifest.name]
    with pytest.raises(ConfigError, match="two bundles would be offered as 'kitchen'"):
        by_name([("kitchen", reader), ("kitchen", reader)])


def test_default_is_no_name_for_a_bundle(reader: Assistant) -> None:
    with pytest.raises(ConfigError, match="default"):
        HttpServer(HttpSettings(), {"default": reader})
    with pytest.raises(ConfigError, match="at least one"):
        HttpServer(HttpSettings(), {})
