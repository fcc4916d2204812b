from __future__ import annotations

import pytest

from edge_runtime.routing.redaction.checks import IBAN_LENGTHS, is_card, is_iban, is_isbn, is_ssn
from tests.routing.redaction_cases import found


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("card 4111 1111 1111 1111 please", "4111 1111 1111 1111", "CARD"),
        ("4111111111111111 12/28 123", "4111111111111111", "CARD"),
        ("amex 3782-822463-10005", "3782-822463-10005", "CARD"),
        ("630427373398 is a Maestro card", "630427373398", "CARD"),
        ("my card number is 4111 1111 1111 1112", "4111 1111 1111 1112", "CARD"),
        ("IBAN DE89 3704 0044 0532 0130 00 now", "DE89 3704 0044 0532 0130 00", "IBAN"),
        ("gb29nwbk60161331926819", "gb29nwbk60161331926819", "IBAN"),
        ("from NO93 8601 1117 947 to FR76", "NO93 8601 1117 947", "IBAN"),
        ("ssn 078-05-1120 on file", "078-05-1120", "SSN"),
        ("078 05 1120", "078 05 1120", "SSN"),
        ("my social security number is 078051120", "078051120", "SSN"),
        ("NI number QQ 12 34 56 C? no, AB 12 34 56 C", "AB 12 34 56 C", "ID"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000", "ID"),
        ("account 1234567890123456789012 here", "1234567890123456789012", "ID"),
        ("the reference 9876543210987 here", "9876543210987", "ID"),
    ],
)
def test_numbers_of_accounts_are_found(text: str, value: str, kind: str) -> None:
    assert (value, kind) in found(text)


@pytest.mark.parametrize(
    "value",
    [
        "+44 20 7946 0958", "+1 (555) 765-4321", "+49-170-1234567", "+33 1 23 45 67 89",
        "+4915123456789", "0049 170 1234567", "001-253-366-9781", "(030) 901820-15", "030/901820",
        "0341 8387176", "07700 063 966", "0490 39 07 81", "01.23.45.67.89", "06 12 34 56 78",
        "(602)272-9781", "515-385-2345", "555.385.2345", "1 800 555 2345", "5403926876",
        "72 128 827", "(72) 754-186", "655 437 108", "555-1234", "(415) 555-2671 ext. 12",
        "5 5 5 7 6 5 4 3 2 1",
    ],
)  # fmt: skip
def test_telephone_numbers_are_found_as_they_are_written_in_many_countries(value: str) -> None:
    assert found(f"you reach her under {value} tomorrow") == [(value, "PHONE")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("call 7654321", "7654321"),
        ("his phone number is 12 34 56 78", "12 34 56 78"),
        ("text me at 83 1704", "83 1704"),
        ("781 1704 office", "781 1704"),
    ],
)
def test_a_word_beside_it_makes_a_short_number_a_telephone_number(text: str, value: str) -> None:
    assert found(text) == [(value, "PHONE")]


@pytest.mark.parametrize(
    "text",
    [
        "set it to 21.5 degrees",
        "at 10:30 on 2026-11-23",
        "on 23/11/2026 or 23.11.2026 or 11-23-26",
        "2020-06-20 14:11:22",
        "build 20261123",
        "between 2019-2024 and 2030/31",
        "version 1.2.3",
        "it costs 12345678 euros",
        "it costs $ 1234567890",
        "1,000,000,000 people",
        "1 000 000 000 stars",
        "1.234.567,89",
        "pi is 3.14159265358979",
        "what is 123456789 times 987654321",
        "ISBN 978-3-16-148410-0",
        "the book 9783161484100",
        "1 2 3 4 5 6 7 8 9 10",
        "100 200 300 400",
        "12 14 17 21 28",
        "rgb 255 128 64",
        "the years 2019 2020 2021 2022",
        "from 500 1000 to 600 2000",
        "channel 12345",
        "order 20000 dollars of it",
    ],
)
def test_dates_amounts_versions_and_counts_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("digits", ["4111111111111112", "0000000000000000", "9111111111111111"])
def test_a_card_has_an_issuer_and_a_check_digit(digits: str) -> None:
    assert is_card("4111111111111111")
    assert not is_card(digits)


@pytest.mark.parametrize(
    "value",
    ["DE89370400440532013001", "DE8937040044053201300", "XX89370400440532013000", "DE٣9", ""],
)
def test_an_iban_has_its_country_s_length_and_leaves_one(value: str) -> None:
    assert is_iban("DE89370400440532013000")
    assert not is_iban(value)


def test_lengths_of_ibans_are_within_the_standard() -> None:
    assert all(15 <= length <= 34 for length in IBAN_LENGTHS.values())


@pytest.mark.parametrize("value", ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567",
                                   "123-45-0000", "123-456-789", "123-45 6789"])  # fmt: skip
def test_numbers_that_were_never_given_out_are_no_ssn(value: str) -> None:
    assert is_ssn("078-05-1120")
    assert not is_ssn(value)
    assert "SSN" not in {kind for _, kind in found(value)}


def test_an_isbn_has_a_prefix_and_a_check_digit() -> None:
    assert is_isbn("9783161484100")
    assert not is_isbn("9783161484101")
    assert not is_isbn("1113161484100")
