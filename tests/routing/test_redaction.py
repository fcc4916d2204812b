from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction import redact, restore


def _entity(text: str, name: str, label: str = "PERSON") -> Entity:
    start = text.index(name)
    return Entity(start, start + len(name), label, name, 0.9)


def test_names_and_numbers_leave_as_placeholders_and_come_back() -> None:
    text = "Write to Ada Lovelace (ada@example.org, +44 20 7946 0958) about Paris"
    entities = [_entity(text, "Ada Lovelace"), _entity(text, "Paris", "LOCATION")]
    found = redact(text, entities)
    assert found.text == "Write to <PERSON_1> (<EMAIL_1>, <PHONE_1>) about Paris"
    assert found.counts() == ["PERSON:1", "EMAIL:1", "PHONE:1"]
    assert restore(found.text, found.placeholders) == text


def test_entities_point_into_the_redacted_text() -> None:
    text = "Ada Lovelace flew from London to Paris"
    entities = [
        _entity(text, "Ada Lovelace"),
        _entity(text, "London", "LOCATION"),
        _entity(text, "Paris", "LOCATION"),
    ]
    found = redact(text, entities)
    assert [found.text[e.start : e.end] for e in found.entities] == [
        "<PERSON_1>",
        "London",
        "Paris",
    ]
    assert [e.text for e in found.entities] == ["<PERSON_1>", "London", "Paris"]


def test_the_same_value_gets_the_same_placeholder() -> None:
    text = "Bob called bob@x.io, then BOB@X.IO again"
    assert redact(text, []).text == "Bob called <EMAIL_1>, then <EMAIL_1> again"


def test_a_placeholder_in_the_text_itself_is_not_taken_for_ours() -> None:
    found = redact("<EMAIL_1> is a placeholder, a@b.io is not", [])
    assert found.text == "<EMAIL_1> is a placeholder, <EMAIL_2> is not"
    assert restore(found.text, found.placeholders) == "<EMAIL_1> is a placeholder, a@b.io is not"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("card 4111 1111 1111 1111 please", "CARD"),
        ("IBAN DE89 3704 0044 0532 0130 00 now", "IBAN"),
        ("host 192.168.1.20 is down", "IP"),
        ("host 2001:db8::1 is down", "IP"),
        ("ssn 078-05-1120 on file", "SSN"),
        ("ring (030) 901820-15 tomorrow", "PHONE"),
        ("ring 0049 170 1234567 tomorrow", "PHONE"),
        ("mail first.last+tag@sub.example.co.uk soon", "EMAIL"),
        ("account 1234567890123456789012 here", "PHONE"),
    ],
)
def test_identifying_numbers_are_found(text: str, kind: str) -> None:
    assert redact(text, []).counts() == [f"{kind}:1"]


@pytest.mark.parametrize(
    "text", ["set it to 21.5 degrees", "at 10:30 on 2026-11-23", "version 1.2.3"]
)
def test_everyday_numbers_stay(text: str) -> None:
    assert redact(text, []).text == text


@pytest.mark.parametrize("reply", ["<person_1>'s flat", "PERSON_1's flat", "<PERSON_1>'s flat"])
def test_a_model_that_changes_the_placeholder_is_still_understood(reply: str) -> None:
    assert restore(reply, {"<PERSON_1>": "Ada"}) == "Ada's flat"


def test_placeholders_with_several_digits_are_not_confused() -> None:
    placeholders = {f"<PHONE_{n}>": f"value-{n}" for n in range(1, 12)}
    assert restore("<PHONE_11> and <PHONE_1>", placeholders) == "value-11 and value-1"


pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["a@b.io", "+49 170 1234567", "<EMAIL_1>", "4111111111111111", " ", "PHONE_2"]),
)


@given(st.text("DE89 \u212a\u017f\u0663370400²½-@.:", max_size=60))
def test_no_look_alike_of_a_letter_or_digit_crashes_a_check(text: str) -> None:
    found = redact(text, [])
    assert restore(found.text, found.placeholders) == text


@given(st.lists(pieces, max_size=8).map(" ".join))
def test_redaction_is_reversible_for_any_text(text: str) -> None:
    found = redact(text, [])
    assert restore(found.text, found.placeholders) == text


@given(st.lists(st.sampled_from(["a@b.io", "x", "078-05-1120", "Ünal"]), max_size=8).map(" ".join))
def test_no_value_that_was_found_is_left_over(text: str) -> None:
    found = redact(text, [])
    assert not any(value in found.text for value in found.placeholders.values())


def test_a_name_that_runs_into_an_address_is_taken_out_whole() -> None:
    text = "ask Ada ada@example.org today"
    found = redact(text, [_entity(text, "Ada ada@example.org")])
    assert found.text == "ask <PERSON_1> <EMAIL_1> today"
    assert restore(found.text, found.placeholders) == text


def test_thousands_of_values_are_no_more_work_than_their_number() -> None:
    text = " ".join(f"a{number}@b.io" for number in range(5000))
    entities = [
        Entity(match.start(), match.end(), "LOCATION", match.group(), 0.9)
        for match in re.finditer(r"io", text)
    ]
    found = redact(text, entities)
    assert found.counts() == ["EMAIL:5000"]
    assert restore(found.text, found.placeholders) == text
    assert all(found.text[e.start : e.end] == e.text for e in found.entities)
