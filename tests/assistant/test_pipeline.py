from __future__ import annotations

import functools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BadRequestError, EdgeError, TooLargeError, UnsupportedTaskError
from edge_runtime.messages import (
    MAX_TEXT_BYTES,
    Answer,
    ErrorInfo,
    Reply,
    Request,
    RequestPolicy,
    encode,
)
from edge_runtime.routing.policy import OwnerPolicy

PRIVATE = (
    "Who is Angela Merkel and why did she write to angela@example.org or ring +49 170 1234567?"
)


@functools.cache
def assistant() -> Assistant:
    return Assistant(Store(None).open())


def _answer(text: str, **changes: object) -> Answer:
    begun = assistant().begin(msgspec.convert({"text": text, **changes}, Request))
    assert isinstance(begun, Answer)
    return begun


def _pending(text: str, policy: RequestPolicy | None = None) -> Pending:
    begun = assistant().begin(Request(text=text, id="7", policy=policy or RequestPolicy()))
    assert isinstance(begun, Pending)
    return begun


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("turn on the kitchen light", "HassTurnOn"),
        ("Set the bedroom lamp to 50 percent", "HassLightSet"),
        ("what is my account balance", "balance"),
    ],
)
def test_a_command_is_answered_here_under_the_guarantee(text: str, intent: str) -> None:
    answer = _answer(text, id="7")
    assert (answer.id, answer.status, answer.source) == ("7", "ok", "local")
    assert answer.result is not None
    assert answer.result["intent"] == intent
    assert answer.guarantee is not None
    assert answer.guarantee.alpha == 0.05
    assert answer.ms.infer > 0
    assert answer.model.startswith("assistant@sha256:")


@pytest.mark.parametrize(
    "text",
    [
        "who wrote the novel Moby Dick?",
        "Explain how photosynthesis works in two sentences.",
        "what does serendipity mean",
    ],
)
def test_a_knowledge_question_escalates_with_a_guess_and_a_reason(text: str) -> None:
    pending = _pending(text)
    assert len(bytes.fromhex(pending.escalation.id)) == 16
    assert pending.guess.reason
    assert pending.guess.guarantee is None
    assert pending.escalation.context.intents


def test_names_and_numbers_do_not_leave() -> None:
    pending = _pending(PRIVATE)
    # the correlation is random hex, in which any digits may stand
    sent = encode(msgspec.structs.replace(pending.escalation, id="")).decode()
    for private in ("Merkel", "Angela", "example.org", "1234567", "170"):
        assert private not in sent
    assert set(pending.guess.redacted) == {"PERSON:1", "EMAIL:1", "PHONE:1"}


def test_with_privacy_cloud_the_text_leaves_as_it_is() -> None:
    lax = Assistant(assistant().bundle, OwnerPolicy(privacy="cloud"))
    begun = lax.begin(Request(text=PRIVATE))
    assert isinstance(begun, Pending)
    assert begun.escalation.text == PRIVATE
    assert begun.guess.redacted == []


@settings(max_examples=100)
@given(st.text(min_size=1).filter(str.strip) | st.just(PRIVATE))
def test_nothing_escalates_under_privacy_local(text: str) -> None:
    try:
        begun = assistant().begin(Request(text=text, policy=RequestPolicy(privacy="local")))
    except EdgeError:
        return
    assert isinstance(begun, Answer)
    assert begun.source == "local"


def test_the_reply_comes_back_with_the_originals_in_it() -> None:
    pending = _pending(PRIVATE)
    reply = Reply(
        id=pending.escalation.id, text="<PERSON_1> reads <EMAIL_1>.", model="big", cost_usd=0.01,
        cloud_ms=40.0,
    )  # fmt: skip
    answer = assistant().finish(pending, reply)
    assert (answer.status, answer.source, answer.model) == ("ok", "cloud", "big")
    assert answer.result is not None
    assert answer.result["text"] == "Angela Merkel reads angela@example.org."
    assert (answer.cost_usd, answer.ms.cloud) == (0.01, 40.0)


def test_a_report_of_what_was_sent_stays_as_it_is() -> None:
    pending = _pending(PRIVATE)
    reply = Reply(id=pending.escalation.id, text=pending.escalation.text, verbatim=True)
    answer = assistant().finish(pending, reply)
    assert answer.result is not None
    assert "<EMAIL_1>" in answer.result["text"]


def test_an_error_of_the_worker_is_the_error_of_the_answer() -> None:
    pending = _pending(PRIVATE)
    error = ErrorInfo("429", "budget", "no money left", 60.0)
    answer = assistant().finish(pending, Reply(id=pending.escalation.id, error=error))
    assert (answer.status, answer.error, answer.result) == ("error", error, None)


@pytest.mark.parametrize(
    ("when_offline", "status", "code"),
    [("local", "ok", "200"), ("queue", "queued", "202"), ("fail", "error", "503")],
)
def test_offline_the_policy_decides(when_offline: str, status: str, code: str) -> None:
    policy = msgspec.convert({"when_offline": when_offline}, RequestPolicy)
    answer = _pending("who wrote Moby Dick?", policy).offline("no worker is online")
    assert (answer.status, answer.code) == (status, code)
    said = answer.error.message if answer.error else answer.reason[-1]
    assert "no worker is online" in said


def test_an_expired_query_says_so() -> None:
    answer = _pending("who wrote Moby Dick?", RequestPolicy(deadline_ms=500)).expired()
    assert answer.code == "408"
    assert answer.error is not None
    assert "500 ms" in answer.error.message


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"task": "dance"}, BadRequestError),
        ({"text": " "}, BadRequestError),
        ({"text": "x" * (MAX_TEXT_BYTES + 1)}, TooLargeError),
        ({"task": "classify", "options": {"head": "nose"}}, UnsupportedTaskError),
        ({"task": "classify", "options": {"head": 7}}, BadRequestError),
        ({"task": "summarize", "options": {"sentences": 0}}, BadRequestError),
        ({"task": "summarize", "options": {"sentences": True}}, BadRequestError),
    ],
)
def test_a_wrong_request_is_refused(changes: dict[str, object], error: type[EdgeError]) -> None:
    with pytest.raises(error):
        _answer(**{"text": "hello", **changes})  # type: ignore[arg-type]


def test_the_longest_text_is_answered() -> None:
    answer = _answer("play some jazz " * 4000, task="classify")
    assert answer.status == "ok"


def test_single_tasks_are_answered_here() -> None:
    text = "Angela Merkel lives in Berlin. I love this city."
    sentiment = _answer(text, task="classify", options={"head": "sentiment"})
    assert sentiment.result is not None
    assert sentiment.result["label"] == "positive"
    tagged = _answer(text, task="tag").result
    assert tagged is not None
    assert [e["text"] for e in tagged["entities"]] == ["Angela Merkel", "Berlin"]
    vector = _answer(text, task="embed").result
    assert vector is not None
    assert len(vector["vector"]) == 384
    summary = _answer(text, task="summarize", options={"sentences": 1}).result
    assert summary is not None
    assert summary["of"] == 2


def test_info_names_tasks_model_and_calibration() -> None:
    info = assistant().info()
    assert info["tasks"] == ["ask", "classify", "tag", "embed", "summarize"]
    assert info["bundles"][0]["model"] == assistant().bundle.model_name
    assert info["calibration"]["intent"]["threshold"] > 0
