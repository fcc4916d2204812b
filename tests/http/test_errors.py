from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import openai
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.http.server import HttpServer
from edge_runtime.messages import MAX_PAYLOAD_BYTES
from tests.http.serving import JSON, raw, serving

pytestmark = pytest.mark.export

MODEL = "tiny-chat"
HELLO: Any = [{"role": "user", "content": "hello"}]
TOOL: Any = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"5": 10}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [""]}, None),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
         "tool_choice"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {
            "name": name, "parameters": {"$defs": {"a": {"const": name}}}}} for name in "fg"],
          "tool_choice": "required"}, "tools"),
        ({"tools": [TOOL], "response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:,"}}]}]},
         "messages[0].content[0].type"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_named(
    client: openai.OpenAI, given: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": MODEL, "messages": HELLO, **given})
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"echo": True}, "echo"),
        ({"suffix": "end"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 0}, "logprobs"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": []}, "prompt"),
    ],
)
def test_what_a_completion_cannot_do_is_named(
    client: openai.OpenAI, given: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**{"model": MODEL, "prompt": "a", **given})
    assert caught.value.param == param


def test_unknown_fields_and_nulls_are_ignored(client: openai.OpenAI) -> None:
    nothing: Any = dict.fromkeys(("stop", "temperature", "n", "tools", "stream", "logit_bias"))
    made = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=1, user="u", store=False,
        extra_body={**nothing, "from_the_future": {"a": 1}},
    )  # fmt: skip
    assert made.choices


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="it has assistant, tiny-chat") as caught:
        client.chat.completions.create(model="gpt-5", messages=HELLO)
    assert caught.value.code == "model_not_found"


def test_a_prompt_that_is_too_long_is_refused(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "a" * 3000}]
    with pytest.raises(openai.BadRequestError, match="the model reads 2048"):
        client.chat.completions.create(model=MODEL, messages=messages)
    with pytest.raises(openai.BadRequestError, match="the model reads 2048"):
        client.chat.completions.create(model=MODEL, messages=messages, stream=True)


def test_a_body_that_is_too_large_is_refused(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "a" * (2 * MAX_PAYLOAD_BYTES)}]
    with pytest.raises(openai.APIStatusError, match="at most") as caught:
        client.chat.completions.create(model=MODEL, messages=messages)
    assert caught.value.status_code == 413


def test_the_templates_own_refusal_is_told(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no messages"):
        client.chat.completions.create(model=MODEL, messages=[])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'"\\ud800"', "JSON"),
        (b"[]", "the body: Expected `object`"),
        (b"{}", "messages"),
        (b'{"x":' + b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_broken_body_is_an_error_object(server: HttpServer, body: bytes, says: str) -> None:
    answer = raw(server, "POST", "/v1/chat/completions", body, JSON)
    assert answer.status == 400
    assert says in answer.body["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/completions", 405)]
)
def test_unknown_addresses_are_error_objects(
    server: HttpServer, method: str, path: str, status: int
) -> None:
    answer = raw(server, method, path)
    assert answer.status == status
    assert answer.body["error"]["type"] == "invalid_request_error"


def test_texts_stay_out_of_the_log(client: openai.OpenAI, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    secret = "xylophone"
    messages: Any = [{"role": "user", "content": secret}]
    client.chat.completions.create(model=MODEL, messages=messages, max_tokens=1)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=messages, stop=[""])
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model=MODEL, prompt=secret, suffix=secret)
    assert secret not in caplog.text


def test_what_the_device_is_to_blame_for_goes_to_the_log(
    tiny_chat: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broken = shutil.copytree(tiny_chat, tmp_path / "broken")
    (broken / "bundle.json").unlink()
    (broken / "chat_template.jinja").write_text("{{ messages[0].nothing.more }}")
    with serving({"broken": Assistant(Store(None).open(str(broken)))}) as server:
        for stream in (False, True):
            body = {"messages": HELLO, "stream": stream}
            answer = raw(server, "POST", "/v1/chat/completions", json.dumps(body).encode(), JSON)
            assert answer.status == 500
            assert answer.body["error"]["type"] == "server_error"
            assert str(tmp_path) not in answer.body["error"]["message"]
    assert caplog.text.count("a request failed: BundleError") == 2
