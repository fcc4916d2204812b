"""An address is one placeholder, whoever finds which of its parts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.findings import Finding, united
from edge_runtime.routing.redaction.patterns import find_private
from edge_runtime.routing.redaction.redacting import redact

TEXT = "Send it to 6750 Koskikatu 25 Apt. 864\nArtilleros, CO 64677 before noon"
WHOLE = "6750 Koskikatu 25 Apt. 864\nArtilleros, CO 64677"


def entity(text: str, part: str, label: str) -> Entity:
    start = text.index(part)
    return Entity(start, start + len(part), label, part, 0.9)


def test_what_a_head_takes_for_an_address_is_not_cut_by_what_patterns_find_in_it() -> None:
    private = find_private(TEXT, [entity(TEXT, WHOLE, "STREET_ADDRESS")])
    assert {each.kind for each in private} >= {"ADDRESS", "ZIP"}  # so the patterns do find parts
    redacted = redact(TEXT, private)
    assert redacted.text == "Send it to <ADDRESS_1> before noon"
    assert redacted.placeholders["<ADDRESS_1>"] == WHOLE


@pytest.mark.parametrize("label", ["GPE", "LOCATION", "ZIP_CODE", "PHONE_NUMBER", "ID_NUMBER"])
def test_a_part_that_reaches_out_of_an_address_belongs_to_it(label: str) -> None:
    text = "She lives at 12 Main Street Springfield now"
    entities = [
        entity(text, "12 Main Street", "STREET_ADDRESS"),
        entity(text, "Street Springfield", label),
    ]
    found = united(text, find_private(text, entities, {"ADDRESS", "PLACE", "ZIP", "PHONE", "ID"}))
    assert [(text[each.start : each.end], each.kind) for each in found] == [
        ("12 Main Street Springfield", "ADDRESS")
    ]


def test_a_town_beside_an_address_is_none_of_it() -> None:
    text = "From 12 Main Street to Springfield"
    found = united(text, [Finding(5, 19, "ADDRESS"), Finding(23, 34, "PLACE")])
    assert [each.kind for each in found] == ["ADDRESS", "PLACE"]


def test_an_email_in_what_a_head_takes_for_an_address_stays_an_email() -> None:
    text = "12 Main Street, ada@example.org"
    whole = Entity(0, len(text), "STREET_ADDRESS", text, 0.9)
    assert "EMAIL" in {each.kind for each in united(text, find_private(text, [whole]))}


def test_the_word_after_a_telephone_number_is_no_number() -> None:
    text = "(37) 788-063-Office, 07700 063 966-Fax"
    entities = [entity(text, "(37) 788-063-Office", "PHONE_NUMBER"),
                entity(text, "07700 063 966-Fax", "PHONE_NUMBER")]  # fmt: skip
    assert redact(text, find_private(text, entities)).text == "<PHONE_1>-Office, <PHONE_2>-Fax"


def test_an_international_number_is_no_card_whatever_its_check_digit() -> None:
    text = "ring +447700 208 815"
    [found] = united(text, find_private(text))
    assert (found.kind, text[found.start : found.end]) == ("PHONE", "+447700 208 815")


spans = st.lists(
    st.builds(
        lambda start, size, kind: Finding(start, start + size, kind),
        st.integers(0, 50),
        st.integers(1, 30),
        st.sampled_from(["ADDRESS", "ZIP", "PLACE", "PHONE", "EMAIL", "PERSON"]),
    ),
    max_size=6,
)


@given(spans)
def test_nothing_that_was_found_is_left_and_nothing_overlaps(findings: list[Finding]) -> None:
    text = "ab 12 " * 14
    found = united(text, findings)
    taken = {at for each in found for at in range(each.start, each.end)}
    wanted = {at for each in findings for at in range(each.start, each.end) if text[at].isalpha()}
    assert wanted <= taken
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
