"""Questions about what was said before go to whoever can know it, with the conversation."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest

from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.messages import Answer, Reply, Request
from tests.assistant.clocks import Board

QUESTION = "who wrote the novel Moby Dick?"


@functools.cache
def bundle() -> Bundle:
    return Store(None).open()


@pytest.fixture
def assistant() -> Assistant:
    return Assistant(bundle(), memory=Board().memory())


def begin(assistant: Assistant, text: str, **fields: Any) -> Answer | Pending:
    return assistant.begin(msgspec.convert({"text": text, "id": "7", **fields}, Request))


def asked(assistant: Assistant, session: str) -> None:
    pending = begin(assistant, QUESTION, session=session)
    assert isinstance(pending, Pending)
    assistant.finish(pending, Reply(id=pending.escalation.id, text="Herman Melville.", model="big"))


@pytest.mark.parametrize("text", ["why is that so?", "how come?", "can you explain that?"])
def test_a_question_that_means_nothing_by_itself_escalates(assistant: Assistant, text: str) -> None:
    alone = begin(assistant, text)
    assert isinstance(alone, Pending)
    assert alone.escalation.context.guess is not None
    assert alone.escalation.context.guess.score == 0.0
    asked(assistant, "s")
    following = begin(assistant, text, session="s")
    assert isinstance(following, Pending)
    assert [turn.text for turn in following.escalation.context.history] == [
        QUESTION, "Herman Melville.",
    ]  # fmt: skip


def test_a_question_about_somebody_unnamed_escalates_after_an_answer(assistant: Assistant) -> None:
    asked(assistant, "s")
    for text in ("how old was he?", "what about Typee?"):
        assert isinstance(begin(assistant, text, session="s"), Pending)


def test_commands_stay_here_in_the_middle_of_a_conversation(assistant: Assistant) -> None:
    asked(assistant, "s")
    for text in ("turn on the kitchen light", "is the kitchen light on?", "what time is it"):
        assert isinstance(begin(assistant, text, session="s"), Answer), text
        asked(assistant, "s")


def test_explain_says_that_it_is_about_what_was_said_before(assistant: Assistant) -> None:
    found = assistant.explain(Request(text="why is that so?"))
    assert found.outcome == "escalate"
    assert any("said before" in step.said for step in found.steps)
