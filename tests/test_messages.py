from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import BadRequestError, TooLargeError
from edge_runtime.messages import (
    MAX_PAYLOAD_BYTES,
    MAX_TEXT_BYTES,
    Answer,
    Candidate,
    Context,
    Entity,
    ErrorInfo,
    Escalation,
    Guarantee,
    Reply,
    Request,
    RequestPolicy,
    Timing,
    check_text,
    decode,
    encode,
    error_answer,
)

EXAMPLES: list[Request | Answer | Escalation | Reply] = [
    Request(
        text="turn it on",
        id="7",
        lang="en",
        session="s",
        options={"head": "sentiment"},
        policy=RequestPolicy("local", 0.5, 1000, "fail"),
        reply_to="edge/clients/app",
    ),
    Answer(
        id="7",
        task="ask",
        source="cloud",
        result={"text": "Ada Lovelace"},
        confidence=0.93,
        guarantee=Guarantee(0.05, 0.05, 1200),
        reason=["confidence 0.93 >= 0.81"],
        model="assistant@sha256:ab12",
        redacted=["PERSON:1"],
        cost_usd=0.01,
        ms=Timing(0.2, 4.1, 300.0),
        error=ErrorInfo("429", "budget", "no money left", 60.0),
    ),
    Escalation(
        id="ab" * 16,
        text="who is <PERSON_1>",
        context=Context(
            [Candidate("oos", 0.9)],
            Candidate("neutral", 0.8),
            [Entity(7, 17, "PERSON", "<PERSON_1>", 0.9)],
        ),
        max_cost_usd=0.1,
        deadline_ms=5000,
    ),
    Reply(id="ab" * 16, text="<PERSON_1> is …", model="m", cost_usd=0.1, cloud_ms=12.5),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_message_survives_the_wire(message: Request | Answer | Escalation | Reply) -> None:
    assert decode(encode(message), type(message)) == message


def test_an_answer_has_the_fields_of_the_contract() -> None:
    fields = msgspec.json.decode(encode(Answer(id="1", task="ask")))
    assert list(fields) == [
        "id", "task", "status", "source", "result", "confidence", "guarantee", "reason", "model",
        "redacted", "cost_usd", "ms", "error", "v",
    ]  # fmt: skip
    assert fields["ms"] == {"queue": 0.0, "infer": 0.0, "cloud": 0.0}


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"{", "not valid JSON"),
        (b'{"text": 7}', "`$.text`"),
        (b'{"text": "a", "policy": {"privacy": "public"}}', "`$.policy.privacy`"),
        (b'{"text": "a", "policy": {"deadline_ms": -1}}', "deadline_ms must be positive"),
        (b'{"text": "a", "policy": {"privcy": "local"}}', "privcy"),
        (b'{"v": 2, "text": "a"}', "`$.v`"),
        (b"[]", "Expected `object`"),
        (b'{"text": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "not valid"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(payload: bytes, says: str) -> None:
    with pytest.raises(BadRequestError, match="not valid") as caught:
        decode(payload, Request)
    assert says in str(caught.value)


def test_unknown_fields_are_ignored_so_that_newer_clients_work() -> None:
    assert decode(b'{"text": "a", "colour": "blue"}', Request) == Request(text="a")


def test_a_payload_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLargeError):
        decode(b"x" * (MAX_PAYLOAD_BYTES + 1), Request)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_decoder(payload: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        assert isinstance(decode(payload, Request), Request)


@pytest.mark.parametrize("text", ["", "  \n\t", "\ud800"])
def test_a_text_without_content_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        check_text(text)


def test_the_longest_text_is_accepted_and_one_byte_more_is_not() -> None:
    assert check_text("ä" * (MAX_TEXT_BYTES // 2))
    with pytest.raises(TooLargeError, match="in parts"):
        check_text("ä" * (MAX_TEXT_BYTES // 2) + "x")


def test_an_error_answer_carries_code_and_type() -> None:
    answer = error_answer("1", "ask", TooLargeError("too long"))
    assert (answer.status, answer.code) == ("error", "413")
    assert answer.error == ErrorInfo("413", "too_large", "too long")
