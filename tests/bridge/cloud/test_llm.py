from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bridge.cloud.llm import Llm, make_llm
from edge_runtime.bridge.cloud.prompt import build_messages
from edge_runtime.bridge.cloud.written import Price
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Candidate, Context, Entity, Escalation, Reply
from tests.endpoint import Endpoint

ID = "ab" * 16
ESCALATION = Escalation(
    id=ID,
    text="Why did <PERSON_1> leave?",
    lang="en",
    context=Context(
        intents=[Candidate("oos", 0.9)],
        sentiment=Candidate("neutral", 0.8),
        entities=[Entity(8, 18, "PERSON", "<PERSON_1>", 0.99)],
    ),
)


@pytest.fixture
def ask(endpoint: Endpoint) -> Iterator[Callable[..., Reply]]:
    made: list[Llm] = []

    def call(escalation: Escalation = ESCALATION, **options: Any) -> Reply:
        llm = make_llm(endpoint.url, **{"model": "tiny", "environ": {}, **options})
        made.append(llm)
        return llm(escalation)

    yield call
    for llm in made:
        llm.close()


def test_the_model_is_asked_with_the_context_and_the_redacted_text(
    endpoint: Endpoint, ask: Callable[..., Reply]
) -> None:
    reply = ask(price=Price(1.0, 10.0))
    assert reply.text == "<PERSON_1> was tired."
    assert (reply.id, reply.model, reply.finish_reason) == (ID, "tiny-1", "stop")
    assert (reply.prompt_tokens, reply.generation_tokens) == (100, 10)
    assert reply.cost_usd == pytest.approx(0.0002)
    assert reply.cloud_ms > 0
    ((path, headers, body),) = endpoint.requests
    assert path == "/v1/chat/completions"
    assert body["model"] == "tiny"
    system, user = body["messages"]
    assert user == {"role": "user", "content": "Why did <PERSON_1> leave?"}
    for part in ("<PERSON_1>", "oos (0.90)", "neutral", "PERSON", "en"):
        assert part in system["content"]
    assert headers["authorization"] == "Bearer none"


def test_inspect_shows_exactly_what_a_model_would_get() -> None:
    reply = make_llm("inspect")(ESCALATION)
    assert reply.model == "inspect"
    assert reply.text.startswith("[inspect: no LLM was asked")
    for _, content in build_messages(ESCALATION):
        assert content in reply.text


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "400", "llm_refused"),
        (401, "403", "llm_denied"),
        (403, "403", "llm_denied"),
        (404, "400", "llm_refused"),
        (408, "503", "llm_unavailable"),
        (413, "413", "llm_refused"),
        (422, "400", "llm_refused"),
        (429, "429", "rate_limited"),
        (500, "503", "llm_unavailable"),
        (502, "503", "llm_unavailable"),
    ],
)
def test_errors_are_told_without_what_the_endpoint_wrote_and_never_retried(
    endpoint: Endpoint, ask: Callable[..., Reply], status: int, code: str, kind: str
) -> None:
    endpoint.status = status
    endpoint.body = b'{"error": {"message": "key sk-123 and the prompt"}}'
    reply = ask()
    assert reply.error is not None
    assert (reply.id, reply.error.code, reply.error.type) == (ID, code, kind)
    assert "sk-123" not in reply.error.message
    assert len(endpoint.requests) == 1


def test_retry_after_is_passed_on(endpoint: Endpoint, ask: Callable[..., Reply]) -> None:
    endpoint.status = 429
    endpoint.headers = {"Retry-After": "7.5"}
    error = ask().error
    assert error is not None
    assert error.retry_after_s == 7.5
    endpoint.headers = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(hours=1))}
    error = ask().error
    assert error is not None
    assert error.retry_after_s is not None
    assert 3000 < error.retry_after_s <= 3600
    endpoint.headers = {"Retry-After": "soon"}
    error = ask().error
    assert error is not None
    assert error.retry_after_s is not None


def test_an_account_without_quota_is_not_asked_again(
    endpoint: Endpoint, ask: Callable[..., Reply]
) -> None:
    endpoint.status = 429
    endpoint.body = b'{"error": {"message": "no", "code": "insufficient_quota"}}'
    error = ask().error
    assert error is not None
    assert (error.type, error.retry_after_s) == ("budget", None)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null}}]}',
        b'{"choices": [{"message": {"content": ""}}]}',
        b'{"choices": [{}]}',
        b"\xff",
    ],
)
def test_what_is_no_completion_can_be_tried_again(
    endpoint: Endpoint, ask: Callable[..., Reply], body: bytes
) -> None:
    endpoint.body = body
    error = ask().error
    assert error is not None
    assert error.code == "503"


def test_silence_ends_at_the_timeout_or_the_deadline(
    endpoint: Endpoint, ask: Callable[..., Reply]
) -> None:
    endpoint.go.clear()
    for reply in (
        ask(timeout_s=0.1),
        ask(Escalation(id=ID, text="why?", deadline_ms=100)),
    ):
        assert reply.error is not None
        assert reply.error.code == "503"
        assert "in time" in reply.error.message


def test_an_endpoint_that_is_gone_can_be_tried_again() -> None:
    llm = make_llm("http://127.0.0.1:9/v1", model="m", environ={})
    error = llm(ESCALATION).error
    llm.close()
    assert error is not None
    assert error.code == "503"
    assert "cannot be reached" in error.message


def test_a_call_over_the_limit_is_refused_before_it_is_made(
    endpoint: Endpoint, ask: Callable[..., Reply]
) -> None:
    limited = Escalation(id=ID, text="why?", max_cost_usd=0.001)
    error = ask(limited, price=Price(100.0, 100.0)).error
    assert error is not None
    assert (error.code, error.type) == ("429", "budget")
    assert endpoint.requests == []
    assert ask(limited, price=Price(0.1, 0.1)).error is None
    # a local endpoint is free
    assert ask(limited).error is None


def test_an_unknown_price_is_over_any_limit() -> None:
    llm = make_llm("https://llm.example/v1", model="m", environ={})
    error = llm(Escalation(id=ID, text="why?", max_cost_usd=1000)).error
    llm.close()
    assert error is not None
    assert error.type == "budget"


@pytest.mark.parametrize(
    ("environ", "sent"),
    [
        ({"OPENAI_API_KEY": "two"}, "Bearer two"),
        ({"OPENAI_API_KEY": "two", "EDGE_LLM_API_KEY": "one"}, "Bearer one"),
    ],
)
def test_the_key_comes_from_the_environment(
    endpoint: Endpoint, ask: Callable[..., Reply], environ: dict[str, str], sent: str
) -> None:
    ask(environ=environ)
    assert endpoint.requests[0][1]["authorization"] == sent


def test_a_key_file_wins_and_must_be_private(
    endpoint: Endpoint, ask: Callable[..., Reply], tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("from-file\n")
    key_file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        ask(key_file=key_file)
    key_file.chmod(0o600)
    ask(key_file=key_file, environ={"OPENAI_API_KEY": "other"})
    assert endpoint.requests[0][1]["authorization"] == "Bearer from-file"


@pytest.mark.parametrize(
    "url", ["", "gpt", "ftp://x", "http://", "http://[::1", "mqtt://localhost"]
)
def test_what_is_no_llm_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="http"):
        make_llm(url, model="m", environ={})


def test_plain_http_stays_on_this_machine_unless_allowed() -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        make_llm("http://192.168.1.5:11434/v1", model="m", environ={})
    make_llm("http://192.168.1.5:11434/v1", model="m", environ={}, allow_plain=True).close()
    make_llm("http://localhost:11434/v1", model="m", environ={}).close()


def test_the_only_model_of_an_endpoint_needs_no_name(endpoint: Endpoint) -> None:
    llm = make_llm(endpoint.url, environ={})
    assert llm.name == "tiny-1"
    llm.close()


def test_among_several_models_one_must_be_named(endpoint: Endpoint) -> None:
    endpoint.models = ["small", "large"]
    with pytest.raises(ConfigError, match="small, large; name one with --model"):
        make_llm(endpoint.url, environ={})


def test_an_endpoint_without_a_list_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="--model"):
        make_llm("http://127.0.0.1:1/v1", environ={})
