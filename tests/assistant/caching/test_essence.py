from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.caching.essence import essence, same_text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Who wrote Moby Dick?", "who wrote moby dick"),
        ("What's the capital of France?", "tell me the capital of france, please"),
        ("Hey Siri, can you explain photosynthesis?", "explain photosynthesis"),
        ("alexa, how tall is K2", "How tall is K2?"),
        ("Which river is the longest?", "what river is the longest"),
        ("I don\u2019t like  fish", "I don't like fish."),
        ("Could you please explain how salt is made? Thanks!", "explain how salt is made"),
        ("I'm cold, why?", "i am cold why"),
    ],
)
def test_manners_case_and_spelling_do_not_matter(one: str, other: str) -> None:
    assert essence(one) == essence(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("turn on the light", "turn off the light"),
        ("what is the capital of France", "what is the capital of Spain"),
        ("how old is Brad Pitt", "who is Brad Pitt"),
        ("is milk good for cats", "is milk not good for cats"),
        ("what do birds eat", "which birds eat"),
        ("how far is it from Rome to Pisa", "how far is it from Pisa to Rome"),
        ("did Ali beat Frazier", "did Frazier beat Ali"),
        ("who was the king of Spain", "who is the king of Spain"),
        ("what is 5 + 3", "what is 5 - 3"),
        ("what is 5 * 3", "what is 53"),
        ("what is -5 plus 2", "what is 5 plus 2"),
        ("what is 1.5 times 2", "what is 15 times 2"),
        ("what is my name", "what is your name"),
        ("wake me at 6 am", "wake me at 6 pm"),
        ("assistant professor salary", "professor salary"),
        ("google stock", "stock"),
        ("hey jude lyrics", "jude lyrics"),
        ("what is C", "what is C++"),
        ("can you swim", "will you swim"),
        ("what is hello world in python", "what is world in python"),
        ("what can I not eat", "what can't you eat"),
    ],
)
def test_a_near_miss_has_another_essence(one: str, other: str) -> None:
    assert essence(one) != essence(other)


@pytest.mark.parametrize("text", ["", "?!", "  ", "What is the ...?"])
def test_a_text_without_words_of_its_own_has_none(text: str) -> None:
    assert essence(text) == ""


@given(st.text())
def test_white_space_makes_no_other_question(text: str) -> None:
    spaced = f"  {text.replace(' ', chr(10) + '  ')} "
    assert same_text(spaced) == same_text(text)
