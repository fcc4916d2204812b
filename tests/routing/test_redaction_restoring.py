from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.routing.redaction.kinds import KINDS
from edge_runtime.routing.redaction.restoring import Restorer, restore

NAMES = {
    "<PERSON_1>": "Ada",
    "<PERSON_12>": "Bob",
    "<EMAIL_1>": "<PERSON_1>",  # the value of one may read like another
    "<ID_2>": "7",
    "<PHONE_3>": "<PHONE_3>",  # text of the user from the start
}
FORMS = [
    "<PERSON_1>", "<person_1>", "PERSON_1", "<PERSON 1>", "&lt;PERSON_1&gt;", "<PERSON_1's>",
    r"\<EMAIL_1\>", r"\u003cEMAIL_1\u003e", "<ID_2>", "ID_2", "<PHONE_3>", "<PERSON_9>", "ID_", "<",
    ">", "P", "PER", "PERSON", "&l", "a", " ", "_", "1", "2", "\\", "'s", "\u017f", "\u212a", "\n",
]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "restored"),
    [
        ("<PERSON_1>'s flat", "Ada's flat"),
        ("<person_1>'s flat", "Ada's flat"),
        ("<Person_1>s Wohnung", "Adas Wohnung"),
        ("<PERSON_1's> flat", "Ada's flat"),
        ("PERSON_1's flat", "Ada's flat"),
        ("PERSON_1s Wohnung", "Adas Wohnung"),
        ("**<PERSON_1>**, hello", "**Ada**, hello"),
        ("`<PERSON_1>`.", "`Ada`."),
        ("[PERSON_1] and {PERSON_1}", "[Ada] and {Ada}"),
        ("<PERSON 1>", "Ada"),
        ("<PERSON-1>", "Ada"),
        ("< PERSON_1 >", "Ada"),
        ("<PERSON1>", "Ada"),
        ("<PERSON_01>", "Ada"),
        ("<PERSON\\_1>", "Ada"),
        ("\\<PERSON\\_1\\>", "Ada"),
        ("&lt;PERSON_1&gt;", "Ada"),
        ("\\u003cPERSON_1\\u003e", "Ada"),
        ("\uff1cPERSON_1\uff1e\u4f60\u597d", "Ada\u4f60\u597d"),
        ("<PERSON_12><PERSON_1>", "BobAda"),
        ("<PERSON_1", "<Ada"),
    ],
)
def test_a_model_that_changes_the_placeholder_is_still_understood(
    reply: str, restored: str
) -> None:
    assert restore(reply, NAMES) == restored


@pytest.mark.parametrize(
    "reply",
    [
        "<PERSON_2>", "<PERSON_123>", "PERSON_13", "<CARD_1>", "person 1", "PERSON 1", "id 2",
        "MYPERSON_1", "PERSON_1_NAME", "<PERSON_>", "<PERSON_1abcd", "PERSON-1", "<PHONE_3>",
        "<PERSON_\u0661>",
    ],
)  # fmt: skip
def test_what_is_no_placeholder_of_this_request_stays(reply: str) -> None:
    expected = reply.replace("PERSON_1abcd", "Adaabcd")
    assert restore(reply, NAMES) == expected


def test_what_was_filled_in_is_not_restored_again() -> None:
    assert restore("<EMAIL_1> <PERSON_1>", NAMES) == "<PERSON_1> Ada"


def test_answers_in_another_order_are_restored_by_name() -> None:
    assert restore("<ID_2>, <PERSON_12>, <PERSON_1>", NAMES) == "7, Bob, Ada"


def test_without_a_map_a_text_stays() -> None:
    assert restore("<PERSON_1>", {}) == "<PERSON_1>"


@given(st.text(st.characters(exclude_characters="1")))
def test_a_text_without_placeholders_stays(text: str) -> None:
    assert restore(text, {"<PERSON_1>": "Ada"}) == text


def test_only_what_may_become_a_placeholder_is_held_back() -> None:
    restorer = Restorer(NAMES)
    assert restorer.feed("Dear ") == "Dear "
    assert restorer.feed("Sir or P") == "Sir or "
    assert restorer.feed("aul, ") == "Paul, "
    assert restorer.feed("x < y") == "x < y"
    assert restorer.feed("write to <PER") == "write to "
    assert restorer.feed("SON_1") == ""
    assert restorer.feed(">'s") == "Ada's"
    assert restorer.feed(" &") == " "
    assert restorer.feed("amp; PERSON_1") == "&amp; "
    assert restorer.flush() == "Ada"


def test_a_stream_is_never_held_for_longer_than_a_placeholder() -> None:
    restorer = Restorer({"<PERSON_1>": "as many!"})  # signs as what it stands for
    longest = max(len(kind) for kind in KINDS) + 40
    given_text = "<PERSON_1 <<PERSON_ &lt;&lt; \\u003c " * 30
    released = 0
    for fed, char in enumerate(given_text, start=1):
        released += len(restorer.feed(char))
        assert fed - released <= longest


replies = st.lists(st.sampled_from(FORMS), max_size=10).map("".join)


@settings(max_examples=300)
@given(replies)
def test_a_stream_gives_the_same_as_the_whole_for_every_cut(reply: str) -> None:
    whole = restore(reply, NAMES)
    for cut in range(len(reply) + 1):
        restorer = Restorer(NAMES)
        pieces = [restorer.feed(reply[:cut]), restorer.feed(reply[cut:]), restorer.flush()]
        assert "".join(pieces) == whole


@settings(max_examples=300)
@given(replies)
def test_a_stream_of_single_signs_gives_the_same_as_the_whole(reply: str) -> None:
    restorer = Restorer(NAMES)
    assert "".join(map(restorer.feed, reply)) + restorer.flush() == restore(reply, NAMES)
