"""Which questions mean nothing without what was said before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.routing.referring import may_follow, means_nothing_alone


@pytest.mark.parametrize(
    "text",
    [
        "why is that so?", "Why?", "and why is that", "how come?", "What do you mean by that?",
        "what does that mean", "Can you explain that in more detail?", "tell me more about it",
        "Give me an example.", "what's the reason for that?", "how does it work", "so why not?",
        "could you elaborate on this a bit further", "Explain it like i don't understand it",
    ],
)  # fmt: skip
def test_a_question_of_pointing_words_means_nothing_by_itself(text: str) -> None:
    assert means_nothing_alone(text)


@pytest.mark.parametrize(
    "text",
    ["how old is he?", "what about france?", "And when did it end?", "where was she born",
     "is that true?", "who wrote about them"],
)  # fmt: skip
def test_a_short_question_about_somebody_unnamed_may_follow_an_answer(text: str) -> None:
    assert may_follow(text)
    assert not means_nothing_alone(text)


@pytest.mark.parametrize(
    "text",
    ["maybe", "can you say that again", "what did you say", "repeat that", "who are you",
     "tell me more about you", "what time is it", "turn it off", "how are you", "yes", "",
     "why is the sky blue", "what does serendipity mean", "explain photosynthesis",
     "how much is in my account", "will it rain", "give me directions", "what can you do",
     "why are my cards not working", "warum ist das so"],
)  # fmt: skip
def test_a_text_with_a_meaning_of_its_own_does_not(text: str) -> None:
    assert not means_nothing_alone(text)
    assert not may_follow(text)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert means_nothing_alone(text) in {True, False}
    assert may_follow(text) in {True, False}
    assert not means_nothing_alone(f"photosynthesis {text}")
