from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.finalizing.placeholders import mended
from edge_runtime.errors import UnusableAnswerError
from edge_runtime.routing.redaction.restoring import restore

ONE = {"<PERSON_1>": "Ada", "<EMAIL_1>": "ada@x.io"}
TWO = {"<PERSON_1>": "Ada", "<PERSON_2>": "Bob"}


@pytest.mark.parametrize(
    ("text", "placeholders", "restored"),
    [
        ("Dear [PERSON_1],", TWO, "Dear Ada,"),
        ("Dear {{PERSON_2}},", TWO, "Dear Bob,"),
        ("Dear <PERSON>,", ONE, "Dear Ada,"),
        ("Dear [PERSON],", ONE, "Dear Ada,"),
        ("Dear (PERSON 1),", ONE, "Dear Ada,"),
    ],
)
def test_a_form_that_got_lost_is_mended_where_it_is_certain(
    text: str, placeholders: dict[str, str], restored: str
) -> None:
    changed, notes = mended(text, placeholders)
    assert restore(changed, placeholders) == restored
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dear <PERSON>,", "<PERSON> does not say"),
        ("Dear [PERSON_3],", "[PERSON_3] does not say"),
        ("Dear <PERSON_3>,", "<PERSON_3> stands for nothing"),
        ("write to <EMAIL_1>", "<EMAIL_1> stands for nothing"),
        ("write to &lt;person_7&gt;", "<PERSON_7> stands for nothing"),
    ],
)
def test_a_placeholder_that_stands_for_nothing_makes_the_answer_unusable(
    text: str, said: str
) -> None:
    with pytest.raises(UnusableAnswerError) as caught:
        mended(text, TWO)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["<PERSON_1> and <person_2>'s", "PERSON_1", "a person [1]", "SKU_1 and ID_9", "f(PERSONAL)"],
)
def test_what_is_in_order_or_no_placeholder_stays(text: str) -> None:
    assert mended(text, TWO) == (text, [])


def test_without_placeholders_in_the_question_nothing_is_looked_for() -> None:
    assert mended("<PERSON_1> in <HTML>", {}) == ("<PERSON_1> in <HTML>", [])
    own = {"<PERSON_1>": "<PERSON_1>"}  # text of the user that reads like one
    assert mended("<PERSON_1> <PERSON>", own) == ("<PERSON_1> <PERSON>", [])


@given(st.text(st.sampled_from("<>[](){}PERSON_12 ab")))
def test_whatever_passes_can_be_restored_or_is_plain_text(text: str) -> None:
    try:
        changed, _ = mended(text, TWO)
    except UnusableAnswerError:
        return
    assert mended(changed, TWO) == (changed, [])
