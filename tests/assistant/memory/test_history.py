from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.memory.history import history
from edge_runtime.assistant.memory.sessions import Exchange, Session
from edge_runtime.messages import Privacy, RequestPolicy, Turn
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy, effective


def words(text: str) -> int:
    return len(text.split())


def under(privacy: Privacy, **policy: Any) -> EffectivePolicy:
    return effective(OwnerPolicy(privacy=privacy, **policy), RequestPolicy())


def session(*asked: tuple[str, str, str], **placeholders: str) -> Session:
    names = {f"<{name}>": value for name, value in placeholders.items()}
    return Session([Exchange(*each) for each in asked], names)


SAID = session(
    ("who is <PERSON_1>", "a poet", "cloud"),
    ("is <PERSON_2> one too", "", "redact"),
    ("and why", "I do not know", "cloud"),
    PERSON_1="Ada", PERSON_2="Bob",
)  # fmt: skip


def test_under_redact_all_turns_go_redacted_oldest_first() -> None:
    assert history(SAID, under("redact"), words, 100) == [
        Turn("user", "who is <PERSON_1>"),
        Turn("assistant", "a poet"),
        Turn("user", "is <PERSON_2> one too"),
        Turn("user", "and why"),
        Turn("assistant", "I do not know"),
    ]


def test_under_cloud_turns_go_as_they_were_and_stricter_ones_stay() -> None:
    texts = [turn.text for turn in history(SAID, under("cloud"), words, 100)]
    assert texts == ["who is Ada", "a poet", "and why", "I do not know"]


def test_turns_for_which_another_choice_of_kinds_held_stay() -> None:
    said = session(
        ("who lives in Paris", "", "redact"),
        ("who lives in <PLACE_1>", "", "redact: PLACE redact"),
        PLACE_1="Rome",
    )  # fmt: skip
    assert [turn.text for turn in history(said, under("redact"), words, 100)] == [
        "who lives in Paris"
    ]
    strict = under("redact", redaction={"PLACE": "redact"})
    assert [turn.text for turn in history(said, strict, words, 100)] == ["who lives in <PLACE_1>"]


def test_a_kind_that_the_owner_keeps_goes_as_it_was() -> None:
    said = session(("ask <PERSON_1> at <URL_1>", "", "redact: URL keep"), PERSON_1="Ada",
                   URL_1="example.org")  # fmt: skip
    [turn] = history(said, under("redact", redaction={"URL": "keep"}), words, 100)
    assert turn.text == "ask <PERSON_1> at example.org"


def test_under_local_nothing_goes() -> None:
    assert history(SAID, under("local"), words, 100) == []


def test_whole_exchanges_are_dropped_the_oldest_first() -> None:
    texts = [turn.text for turn in history(SAID, under("redact"), words, 10)]
    assert texts == ["is <PERSON_2> one too", "and why", "I do not know"]


def test_of_a_last_exchange_that_is_too_long_the_beginning_goes() -> None:
    said = session(("one two three four five six", "<PERSON_1> " * 9, "redact"))
    asked, answered = history(said, under("redact"), words, 8)
    assert asked.text == "one two three \u2026"
    assert answered.text == "<PERSON_1> <PERSON_1> <PERSON_1> \u2026"


_TEXTS = st.text(st.sampled_from("ab ."), max_size=40)


@given(st.lists(st.tuples(_TEXTS, _TEXTS)), st.integers(0, 30))
def test_the_limit_holds(exchanges: list[tuple[str, str]], most: int) -> None:
    said = Session([Exchange(*each, "redact") for each in exchanges])
    assert sum(words(turn.text) for turn in history(said, under("redact"), words, most)) <= most
