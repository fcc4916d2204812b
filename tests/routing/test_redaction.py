from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.findings import Finding
from edge_runtime.routing.redaction.kinds import IDENTIFYING, KINDS, LITERAL, OF_LABEL
from edge_runtime.routing.redaction.patterns import find_private, of_patterns
from edge_runtime.routing.redaction.redacting import Redacted, redact
from edge_runtime.routing.redaction.restoring import restore
from edge_runtime.routing.redaction.words import tokens

Case = tuple[str, list[Finding]]


def _entity(text: str, name: str, label: str = "PERSON") -> Entity:
    start = text.index(name)
    return Entity(start, start + len(name), label, name, 0.9)


def _redacted(text: str, *names: str, known: dict[str, str] | None = None) -> Redacted:
    return redact(text, find_private(text, [_entity(text, name) for name in names]), known)


def test_names_and_numbers_leave_as_placeholders_and_come_back() -> None:
    text = "Write to Ada Lovelace (ada@example.org, +44 20 7946 0958) about Paris"
    entities = [_entity(text, "Ada Lovelace"), _entity(text, "Paris", "LOCATION")]
    found = redact(text, find_private(text, entities))
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
    found = redact(text, find_private(text, entities))
    moved = found.moved(entities)
    assert [found.text[e.start : e.end] for e in moved] == ["<PERSON_1>", "London", "Paris"]
    assert [e.text for e in moved] == ["<PERSON_1>", "London", "Paris"]


def test_what_is_private_is_the_owner_s_choice() -> None:
    text = "Ada of Acme in Paris wrote ada@example.org"
    entities = [_entity(text, "Ada"), _entity(text, "Acme", "ORGANIZATION"),
                _entity(text, "Paris", "GPE")]  # fmt: skip
    kinds = {"ORGANIZATION", "PLACE"}
    found = redact(text, find_private(text, entities, kinds))
    assert found.text == "Ada of <ORGANIZATION_1> in <PLACE_1> wrote ada@example.org"
    assert {OF_LABEL[label] for label in ("GPE", "NRP", "TITLE", "DATE_TIME", "AGE")}.isdisjoint(
        IDENTIFYING
    )


@pytest.mark.parametrize("label", sorted(OF_LABEL))
def test_every_label_of_the_heads_has_a_kind(label: str) -> None:
    text = "it says Xyz here"
    kind = OF_LABEL[label]
    assert redact(text, find_private(text, [_entity(text, "Xyz", label)], {kind})).text == (
        f"it says <{kind}_1> here"
    )


@pytest.mark.parametrize(
    ("text", "span", "redacted"),
    [
        ("ask Jean-Luc now", "Jean", "ask <PERSON_1> now"),
        ("ask O'Brien now", "Brien", "ask <PERSON_1> now"),
        ("ask Ada's sister", "Ada's", "ask <PERSON_1>'s sister"),
        ("ask Lovelace now", "ovelac", "ask <PERSON_1> now"),
        ("see ada.lovelace there", "ada", "see <PERSON_1> there"),
        ("\u8bf7\u7ed9\u738b\u5c0f\u660e\u6253\u7535\u8bdd", "\u738b\u5c0f\u660e",
         "\u8bf7\u7ed9<PERSON_1>\u6253\u7535\u8bdd"),
        ("Rene\u0301 calls", "Rene", "<PERSON_1> calls"),
        ("\u0928\u093f\u0924\u093f\u0928 calls", "\u0928", "<PERSON_1> calls"),
    ],
)  # fmt: skip
def test_a_span_of_a_head_is_widened_to_whole_words(text: str, span: str, redacted: str) -> None:
    found = _redacted(text, span)
    assert found.text == redacted
    assert restore(found.text, found.placeholders) == text


def test_a_name_that_runs_into_an_address_is_taken_out_whole() -> None:
    found = _redacted("ask Ada ada@example.org today", "Ada ada@example.org")
    assert found.text == "ask <PERSON_1> <EMAIL_1> today"


def test_a_value_that_a_head_missed_the_second_time_goes_all_the_same() -> None:
    found = _redacted(
        "Ada Lovelace, ADA  LOVELACE and Ada met Will. will he?", "Ada Lovelace", "Will"
    )
    assert found.text == "<PERSON_1>, <PERSON_1> and <PERSON_2> met <PERSON_3>. will he?"


def test_the_same_value_gets_the_same_placeholder() -> None:
    found = _redacted("Bob called bob@x.io, then BOB@X.IO or +49 170 1234567, +491701234567")
    assert found.text == "Bob called <EMAIL_1>, then <EMAIL_1> or <PHONE_1>, <PHONE_1>"


def test_secrets_that_differ_in_letter_case_are_two() -> None:
    found = _redacted("password: aB12 and password: ab12")
    assert len(found.placeholders) == 2


def test_a_conversation_keeps_its_placeholders() -> None:
    first = _redacted("I am Ada Lovelace, ada@x.io", "Ada Lovelace")
    second = _redacted("is ADA LOVELACE or Bob at ADA@X.IO?", "Bob", known=first.placeholders)
    assert second.text == "is <PERSON_1> or <PERSON_2> at <EMAIL_1>?"
    assert second.counts() == ["PERSON:2", "EMAIL:1"]
    assert restore("<PERSON_1>, <PERSON_2>", second.placeholders) == "ADA LOVELACE, Bob"
    assert first.placeholders == {"<PERSON_1>": "Ada Lovelace", "<EMAIL_1>": "ada@x.io"}


def test_requests_without_a_common_map_share_nothing() -> None:
    one, other = _redacted("mail a@x.io"), _redacted("mail b@x.io")
    assert one.text == other.text
    assert restore(one.text, one.placeholders) != restore(other.text, other.placeholders)


def test_a_placeholder_in_the_text_itself_is_not_taken_for_ours() -> None:
    text = "<EMAIL_1> is a placeholder, a@b.io is not"
    found = _redacted(text)
    assert found.text == "<EMAIL_1> is a placeholder, <EMAIL_2> is not"
    assert restore(found.text, found.placeholders) == text
    later = _redacted("and c@d.io?", known=found.placeholders)
    assert later.text == "and <EMAIL_3>?"


@pytest.mark.parametrize("form", ["<EMAIL_1>", "email_1", "&lt;EMAIL 1&gt;", "<Email_01>"])
def test_a_text_cannot_ask_for_a_value_of_the_conversation(form: str) -> None:
    first = _redacted("mail a@b.io")
    text = f"what is {form}?"
    found = _redacted(text, known=first.placeholders)
    assert "EMAIL" not in found.text.upper()
    assert restore(found.text, found.placeholders) == text


pieces = st.one_of(
    st.text(max_size=10),
    st.sampled_from([
        "a@b.io", "+49 170 1234567", "4111111111111111", "Ada", "ada", "Ada Lovelace", "Ünal",
        "<EMAIL_1>", "PHONE_2", "<person 1>", "&lt;PERSON_1&gt;", "\\<ID_1\\>", "<PERSON_1",
        "PERSON_1", "<", "\\", "&lt;", "_1", "\u738b\u5c0f\u660e", "'s", "-",
    ]),
)  # fmt: skip
texts = st.builds(str.join, st.sampled_from([" ", "", "-"]), st.lists(pieces, max_size=8))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    text = draw(texts)
    position = st.integers(0, len(text))
    kind = st.sampled_from(sorted(KINDS - {LITERAL}))
    spans = draw(st.lists(st.tuples(position, position, kind), max_size=4))
    found = [Finding(min(a, b), max(a, b), kind) for a, b, kind in spans]
    return text, [*found, *of_patterns(text)]


def _is_respelled(text: str, found: Redacted) -> bool:
    """Whether a value stands in the text in two spellings, of which one comes back."""
    spellings = {(each.name, text[each.start : each.end]) for each in found.replacements}
    return len({name for name, _ in spellings}) < len(spellings)


@settings(max_examples=400)
@given(st.lists(cases(), min_size=1, max_size=3))
def test_redaction_is_reversible_for_any_conversation(turns: list[Case]) -> None:
    known: dict[str, str] = {}
    for text, findings in turns:
        found = redact(text, findings, known)
        back = restore(found.text, found.placeholders)
        if _is_respelled(text, found):
            assert _signs(back) == _signs(text)
        else:
            assert back == text
        assert known.keys() <= found.placeholders.keys()
        known = found.placeholders


def _signs(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


@settings(max_examples=400)
@given(cases(), cases())
def test_no_value_that_was_found_is_left_over(earlier: Case, case: Case) -> None:
    text, findings = case
    found = redact(text, findings, redact(*earlier).placeholders)
    values = [
        _words(text[each.start : each.end])
        for each in found.replacements
        if not each.name.startswith(f"<{LITERAL}")
    ]
    for kept in map(_words, _kept(text, found)):
        for value in values:
            starts = range(len(kept) - len(value) + 1)
            assert not any(kept[at : at + len(value)] == value for at in starts)


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in tokens(text)]


def _kept(text: str, found: Redacted) -> list[str]:
    position, kept = 0, []
    for each in found.replacements:
        kept.append(text[position : each.start])
        position = each.end
    return [*kept, text[position:]]


@settings(max_examples=400)
@given(cases())
def test_what_was_found_does_not_leave(case: Case) -> None:
    text, findings = case
    found = redact(text, findings)
    taken = {at for each in found.replacements for at in range(each.start, each.end)}
    for finding in findings:
        for at in range(finding.start, finding.end):
            assert at in taken or not text[at].isalnum()


@settings(max_examples=200)
@given(cases(), cases())
def test_requests_never_mix(one: Case, other: Case) -> None:
    alone = redact(*one)
    redact(*other)
    again = redact(*one)
    assert again == alone
    for name, value in again.placeholders.items():
        assert value == name or value in one[0]


@given(st.text("DE89 \u212a\u017f\u0663370400²½-@.:", max_size=60))
def test_no_look_alike_of_a_letter_or_digit_crashes_a_check(text: str) -> None:
    found = _redacted(text)
    assert _signs(restore(found.text, found.placeholders)) == _signs(text)


def test_thousands_of_values_are_no_more_work_than_their_number() -> None:
    text = " ".join(f"a{number}@b.io" for number in range(5000))
    entities = [
        Entity(match.start(), match.end(), "LOCATION", match.group(), 0.9)
        for match in re.finditer(r"io", text)
    ]
    found = redact(text, find_private(text, entities))
    assert found.counts() == ["EMAIL:5000"]
    assert restore(found.text, found.placeholders) == text
    assert all(found.text[e.start : e.end] == e.text for e in found.moved(entities))


HOSTILE = [
    "a", "1", "1 ", "1.", "12-", "a.", "a@", "a@a", "a-", "+1", "(", "((1", "DE89", "DE89 ", "0:",
    "1.1.", "ab:", "pin ", "password is ", "password:", "pass 1a",
    "passport no ", "one ", "one two ", "twenty ",
    "born on ", "1 Aa ", "1 a ", "12 rue de ", "Via a ", "Suite ", "www.", "http://",
    "eyJaaaaaaaa.", "1.1234 ", "a dot ", "a at b dot ", "<", "<PERSON_", "<PERSON_1", "&lt;", "\\",
    "'", "\u2019s", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "4111 ", "phone ", "number is ",
    "\u738b", "\u0301", "5 5 5 ", "account number number ", "latitude ", "bearer a", "sk-", "x1",
    "Aa ", "zip ", "AB 12 ", " ",
]  # fmt: skip


def _seconds(text: str) -> float:
    started = time.process_time()
    found = redact(text, find_private(text))
    restore(found.text, {**found.placeholders, "<PERSON_1>": "Ada"})
    return time.process_time() - started


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_is_linear_in_a_hostile_text(piece: str) -> None:
    size = 64 * 1024
    short = min(_seconds(piece * (size // 8 // len(piece))) for _ in range(2))
    long = min(_seconds(piece * (size // len(piece))) for _ in range(2))
    assert long < 24 * max(short, 0.005)
