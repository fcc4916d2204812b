from __future__ import annotations

import pytest

from edge_runtime.bridge.cloud.prompt import build_messages
from edge_runtime.messages import Candidate, Context, Entity, Escalation, Turn


def system(**context: object) -> str:
    escalation = Escalation(id="ab" * 16, text="why?", context=Context(**context))  # type: ignore[arg-type]
    return build_messages(escalation)[0][1]


def test_turns_of_the_session_stand_between_the_system_prompt_and_the_question() -> None:
    history = [Turn("user", "who is <PERSON_1>"), Turn("assistant", "a poet")]
    escalation = Escalation(id="ab" * 16, text="why?", context=Context(history=history))
    (role, prompt), *turns = build_messages(escalation)
    assert role == "system"
    assert turns == [("user", "who is <PERSON_1>"), ("assistant", "a poet"), ("user", "why?")]
    assert "poet" not in prompt


def test_what_the_small_model_found_stands_in_the_system_prompt() -> None:
    prompt = system(
        intents=[Candidate("oos", 0.9), Candidate("definition", 0.05)],
        guess=Candidate("oos", 0.31),
        sentiment=Candidate("neutral", 0.9),
        entities=[Entity(0, 3, "PERSON", "<PERSON_1>", 0.9)],
    )
    for part in (
        "oos (0.90), definition (0.05)", "its own answer: oos, right with a probability of 0.31",
        "neutral (0.90)", "'<PERSON_1>' is PERSON",
    ):  # fmt: skip
        assert part in prompt


@pytest.mark.parametrize(
    ("label", "score", "said"),
    [("negative", 0.95, "upset"), ("positive", 0.95, "glad"), ("negative", 0.5, "")],
)
def test_a_sure_sentiment_sets_the_tone(label: str, score: float, said: str) -> None:
    prompt = system(sentiment=Candidate(label, score))
    assert said in prompt
    assert ("The user seems" in prompt) == bool(said)


def test_a_schema_asks_for_json_and_nothing_else() -> None:
    prompt = system(schema={"type": "array"})
    assert '{"type":"array"}' in prompt
    assert "plain text" not in prompt
    assert "plain text" in system()
