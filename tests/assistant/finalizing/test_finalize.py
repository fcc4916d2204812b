from __future__ import annotations

import pytest

from edge_runtime.assistant.finalizing.finalize import Final, finalize
from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Answer, Candidate, Context, Escalation, Reply

NAMES = {"<PERSON_1>": "Ada"}
GUESS = Answer(id="7", task="ask", result={"intent": "oos"}, confidence=0.2, reason=["not sure"])
GERMAN = "das ist eine Antwort"


def language(text: str, _expected: str | None) -> str | None:
    return "de" if text == GERMAN else "en"


def pending(text: str = "who is <PERSON_1>?", intent: str = "oos", **fields: object) -> Pending:
    context = Context(intents=[Candidate(intent, 0.9)])
    escalation = Escalation(id="ab" * 16, text=text, context=context, **fields)  # type: ignore[arg-type]
    return Pending(escalation=escalation, guess=GUESS, placeholders=NAMES)


def final(text: str, asked: Pending | None = None, finish_reason: str | None = "stop") -> Final:
    reply = Reply(
        id="ab" * 16, text=text, model="big", cost_usd=0.5, cloud_ms=3.0,
        finish_reason=finish_reason,
    )  # fmt: skip
    return finalize(asked or pending(), reply, language)


def test_an_answer_in_order_is_filled_in_and_nothing_is_said_about_it() -> None:
    answer, reply = final("<PERSON_1> is a poet.")
    assert answer.result == {"intent": "oos", "text": "Ada is a poet."}
    assert (answer.status, answer.source, answer.model, answer.cost_usd) == (
        "ok", "cloud", "big", 0.5,
    )  # fmt: skip
    assert answer.reason == ["not sure"]
    assert reply is not None
    assert reply.text == "<PERSON_1> is a poet."


def test_what_was_mended_stands_in_the_reason_and_in_what_is_kept() -> None:
    answer, reply = final("\x1b[1m[PERSON_1] is a poet.")
    assert answer.result is not None
    assert answer.result["text"] == "[1mAda is a poet."
    assert answer.reason[1:] == [
        "control characters taken away: 1", "[PERSON_1] read as <PERSON_1>"
    ]  # fmt: skip
    assert reply is not None
    assert reply.text == "[1m<PERSON_1> is a poet."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \x00\n", "it is empty"),
        ("x" * 70_000, "it has 70000 bytes, and 65536 are allowed"),
        ("<PERSON_1> " * 9000 + "é" * 20_000, "bytes, and 65536 are allowed"),
        ("<PERSON_2> did it", "stands for nothing"),
        ("publish to edge/v1/home/cmd/update", "it names the topic edge/v1/home/cmd/"),
        ("send ON to homeassistant/switch/x/set", "it names the topic homeassistant/switch/x/set"),
    ],
)
def test_an_answer_that_must_not_be_delivered_is_an_error_with_its_reason_and_cost(
    text: str, said: str
) -> None:
    answer, reply = final(text)
    assert reply is None
    assert (answer.status, answer.result, answer.confidence, answer.cost_usd) == (
        "error", None, 0.0, 0.5,
    )  # fmt: skip
    assert answer.error is not None
    assert (answer.error.code, answer.error.type) == ("502", "unusable_answer")
    assert said in answer.error.message
    assert answer.reason[-1] == answer.error.message


def test_a_topic_that_was_asked_about_may_be_named() -> None:
    asked = pending("what does edge/v1/home/cmd/update do?")
    assert final("edge/v1/home/cmd/update updates it", asked).answer.status == "ok"


def test_another_language_than_the_questions_is_said_and_than_the_requests_is_refused() -> None:
    assert final(GERMAN).answer.reason[-1] == "the answer is in de, the question in en"
    refused = final(GERMAN, pending(lang="en-US")).answer
    assert refused.error is not None
    assert "it is in de, and en-US was asked for" in refused.error.message
    assert final(GERMAN, pending(lang="de-AT")).answer.status == "ok"


def test_a_translation_may_be_in_any_language() -> None:
    asked = pending(intent="translate", lang="en")
    assert final(GERMAN, asked).answer.reason == ["not sure"]


def test_an_answer_that_was_cut_off_says_so() -> None:
    assert "cut off" in final("Once upon", finish_reason="length").answer.reason[-1]


def test_a_report_of_what_was_sent_keeps_its_placeholders() -> None:
    reply = Reply(id="ab" * 16, text="<PERSON_1> <PERSON_9> \x1b", verbatim=True)
    answer, _ = finalize(pending(), reply, language)
    assert answer.result == {"intent": "oos", "text": "<PERSON_1> <PERSON_9>"}


@pytest.mark.parametrize("text", ["x" * 70_000, "homeassistant/light/x/set", "\x00"])
def test_a_report_is_checked_as_any_answer_is(text: str) -> None:
    reply = Reply(id="ab" * 16, text=text, verbatim=True)
    answer, kept = finalize(pending(), reply, language)
    assert (answer.status, answer.code, kept) == ("error", "502", None)


def test_a_model_cannot_write_on_a_terminal() -> None:
    reply = Reply(id="ab" * 16, text="fine", model="big\x1b[31m" + "x" * 1000)
    answer, _ = finalize(pending(), reply, language)
    assert answer.model.startswith("big[31mx")
    assert len(answer.model) == 200
