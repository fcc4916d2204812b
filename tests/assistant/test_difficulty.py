"""How hard a free question is goes along with it, and asks for the stronger model if it is set."""

from __future__ import annotations

import functools

from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.messages import Escalation, Request
from edge_runtime.routing.policy import OwnerPolicy

EASY = "Which planet is known as the red planet?"
HARD = "Find the degree of the extension Q(sqrt(2), sqrt(3), sqrt(18)) over Q."


@functools.cache
def _loaded() -> Assistant:
    return Assistant(Store(None).open())


def escalated(text: str, strong_above: float | None = None) -> Escalation:
    assistant = _loaded()
    assistant.governor = Governor(OwnerPolicy(strong_above=strong_above))
    pending = assistant.begin(Request(text=text))
    assert isinstance(pending, Pending), pending
    return pending.escalation


def test_a_hard_question_is_told_from_an_easy_one() -> None:
    easy, hard = (escalated(text).context.difficulty for text in (EASY, HARD))
    assert easy is not None
    assert hard is not None
    assert 0 <= easy < hard <= 1


def test_the_owner_draws_the_line_for_the_stronger_model() -> None:
    assert escalated(HARD).strong is None
    difficulty = escalated(HARD).context.difficulty
    assert difficulty is not None
    assert escalated(HARD, difficulty - 0.01).strong is True
    assert escalated(HARD, min(1.0, difficulty + 0.01)).strong is False


def test_a_command_that_is_not_sure_has_no_difficulty() -> None:
    explained = _loaded().explain(Request(text="turn on the kitchen light"))
    assert not [step for step in explained.steps if step.kind == "difficulty"]


def test_explain_tells_the_difficulty() -> None:
    _loaded().governor = Governor(OwnerPolicy(strong_above=0.0))
    [step] = [s for s in _loaded().explain(Request(text=HARD)).steps if s.kind == "difficulty"]
    assert "the stronger model is to answer" in step.said
