"""The client against a real HTTP server that behaves as endpoints do, well and badly."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bridge.llm import Llm, Price, make_llm
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Candidate, Context, Escalation

ESCALATION = Escalation(
    id="ab" * 16,
    text="who is <PERSON_1>?",
    context=Context([Candidate("oos", 0.9)], Candidate("neutral", 0.8)),
)


def completion(text: str | None = "<PERSON_1> is a chemist.") -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "big-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }


class Endpoint:
    """What it answers can be set; what it was asked is kept."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes = json.dumps(completion()).encode()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.hang = threading.Event()
        self.hang.set()
        self.url = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            state.asked.append(json.loads(self.rfile.read(length)))
            state.keys.append(self.headers["authorization"])
            state.hang.wait(20)
            with contextlib.suppress(OSError):
                self.send_response(state.status)
                for name, value in state.headers.items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(state.body)))
                self.end_headers()
                self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield state
    state.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(endpoint: Endpoint) -> Iterator[Llm]:
    llm = make_llm(
        endpoint.url, model="big", price=Price(2.0, 10.0), timeout_s=1.0, environ={}
    )  # fmt: skip
    yield llm
    llm.close()


def test_the_reply_carries_text_model_tokens_and_cost(ask: Llm, endpoint: Endpoint) -> None:
    reply = ask(ESCALATION)
    assert reply.error is None
    assert (reply.id, reply.text) == (ESCALATION.id, "<PERSON_1> is a chemist.")
    assert (reply.model, reply.finish_reason) == ("big-1", "stop")
    assert (reply.prompt_tokens, reply.generation_tokens) == (1000, 500)
    assert reply.cost_usd == pytest.approx(0.007)
    system, user = endpoint.asked[0]["messages"]
    assert user == {"role": "user", "content": "who is <PERSON_1>?"}
    assert "exactly as they are" in system["content"]
    assert "oos (0.90)" in system["content"]


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        (429, {"retry-after": "7"}, "429"),
        (500, {}, "503"),
        (503, {}, "503"),
        (401, {}, "403"),
        (400, {}, "400"),
    ],
)
def test_an_http_error_becomes_an_error_that_the_node_understands(
    ask: Llm, endpoint: Endpoint, status: int, headers: dict[str, str], code: str
) -> None:
    endpoint.status, endpoint.headers, endpoint.body = status, headers, b'{"error": {}}'
    error = ask(ESCALATION).error
    assert error is not None
    assert error.code == code
    assert (error.retry_after_s == 7.0) == (status == 429)
    assert len(endpoint.asked) == 1, "only the node may retry"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        json.dumps({**completion(), "choices": []}).encode(),
        json.dumps(completion("")).encode(),
        json.dumps(completion(None)).encode(),
    ],
)
def test_an_answer_that_is_none_can_be_tried_again(
    ask: Llm, endpoint: Endpoint, body: bytes
) -> None:
    endpoint.body = body
    error = ask(ESCALATION).error
    assert error is not None
    assert error.code == "503"


def test_an_endpoint_that_hangs_is_given_up(ask: Llm, endpoint: Endpoint) -> None:
    endpoint.hang.clear()
    error = ask(ESCALATION).error
    assert error is not None
    assert (error.code, error.type) == ("503", "llm_unavailable")


def test_an_endpoint_that_is_not_there_is_unavailable() -> None:
    llm = make_llm("http://127.0.0.1:1/v1", model="big", environ={})
    error = llm(ESCALATION).error
    llm.close()
    assert error is not None
    assert error.code == "503"


def test_nothing_is_asked_when_it_may_cost_too_much(ask: Llm, endpoint: Endpoint) -> None:
    dear = Escalation(id="cd" * 16, text="hi", max_cost_usd=0.000001)
    error = ask(dear).error
    assert error is not None
    assert (error.code, error.type) == ("429", "budget")
    assert endpoint.asked == []


def test_the_key_comes_from_a_private_file(endpoint: Endpoint, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sesame\n")
    key.chmod(0o600)
    llm = make_llm(endpoint.url, model="big", key_file=key, environ={})
    llm(ESCALATION)
    llm.close()
    assert endpoint.keys == ["Bearer sesame"]
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        make_llm(endpoint.url, model="big", key_file=key, environ={})


def test_inspect_answers_with_exactly_what_an_llm_would_receive() -> None:
    reply = make_llm("inspect")(ESCALATION)
    assert "inspect" in reply.model
    assert "no LLM was asked" in reply.text
    assert "who is <PERSON_1>?" in reply.text
    assert "oos (0.90)" in reply.text
    assert reply.cost_usd == 0.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: make_llm("ftp://x", model="m"), "http"),
        (lambda: make_llm("http://llm.example/v1", model="m"), "unencrypted"),
        (lambda: make_llm("https://llm.example/v1"), "model"),
    ],
)
def test_wrong_settings_say_what_is_wrong(make: Callable[[], Llm], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()
