from __future__ import annotations

import pytest

from tests.routing.redaction_cases import found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my password is hunter2, thanks", "hunter2"),
        ("my password is swordfish", "swordfish"),
        ("Password: correct-horse", "correct-horse"),
        ('the wifi password is "let me in"', "let me in"),
        ("the password for the router is Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("change the password to N3wOne!", "N3wOne!"),
        ("my passphrase is correct horse battery staple", "correct horse battery staple"),
        ("pwd=abc123", "abc123"),
        ("my pin is 4821", "4821"),
        ("my pin's 4821", "4821"),
        ("the gate code is 4 8 2 1", "4 8 2 1"),
        ("login ada password hunter2", "hunter2"),
        ("login: ada / pass: s3cret", "s3cret"),
        ("disarm with pin 4821", "4821"),
        ("the alarm code is 4821 tonight", "4821"),
        ("verification code: 123456", "123456"),
        ("api_key = 8fd2a0", "8fd2a0"),
        ("sk-abcdefghijklmnop1234", "sk-abcdefghijklmnop1234"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("Authorization: Bearer abcdef.123456_xyz", "abcdef.123456_xyz"),
        ("x 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"),
        ("my pin is four eight two one", "four eight two one"),
    ],
)  # fmt: skip
def test_secrets_are_found(text: str, value: str) -> None:
    assert (value, "SECRET") in found(text)


def test_a_private_key_goes_as_a_whole_even_if_its_end_is_missing() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc"
    assert found(f"use {key}\n-----END RSA PRIVATE KEY----- now") == [
        (f"{key}\n-----END RSA PRIVATE KEY-----", "SECRET")
    ]
    assert found(f"use {key}") == [(key, "SECRET")]


@pytest.mark.parametrize(
    "text",
    [
        "what is my password",
        "my password is wrong",
        "the password is not working, reset it",
        "i forgot my pin",
        "pass me 2 plates",
        "the password policy of 2024",
        "how do i change my pin to something else",
        "connect pin 3 to ground",
        "error code 404",
        "area code 415",
        "turn on pin 12 with 3.3 volts",
        "the token is expired",
        "lock the door",
        "the secret is to stir slowly",
        "is the door code the same",
        "/usr/local/lib/python3/site-packages/edge_runtime/routing",
        "the-quick-brown-fox-jumps-over-the-lazy-dog",
    ],
)
def test_talk_about_secrets_stays(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("my passport number is 533380006", "533380006", "PASSPORT"),
        ("passport C01X00T47", "C01X00T47", "PASSPORT"),
        ("Passport No: AB 1234567", "AB 1234567", "PASSPORT"),
        ("my driver's license number is F162823540116", "F162823540116", "LICENSE"),
        ("driving licence MORGA657054SM9IJ", "MORGA657054SM9IJ", "LICENSE"),
        ("my member id is A-12345-Z", "A-12345-Z", "ID"),
        ("policy number 99-123-77", "99-123-77", "ID"),
        ("tracking no. 1Z999AA10123456784", "1Z999AA10123456784", "ID"),
        ("account number: 12345678", "12345678", "ID"),
        ("sort code 12-34-56", "12-34-56", "ID"),
        ("my license plate is B-AB 1234", "B-AB 1234", "ID"),
        ("iban DE89 3704 0044 0532 0130 01", "DE89 3704 0044 0532 0130 01", "ID"),
    ],
)
def test_document_numbers_are_found_by_the_word_before_them(
    text: str, value: str, kind: str
) -> None:
    assert (value, kind) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "renew my passport in 2027",
        "my passport expires in march",
        "order 2 pizzas",
        "open case 12",
        "the driver of vehicle 12 stopped",
        "claim 3 of the patent",
        "how do i get a driver's license at 16",
        "account balance please",
    ],
)
def test_everyday_words_before_small_numbers_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("I was born on 12/03/1985.", "12/03/1985"),
        ("date of birth: 1985-03-12", "1985-03-12"),
        ("DOB 3.12.85", "3.12.85"),
        ("my birthday is March 12th, 1985", "March 12th, 1985"),
        ("her date of birth? It's 11/3/1995", "11/3/1995"),
        ("born the 3rd of May 1985", "3rd of May 1985"),
        ("geboren am 12.03.1985", "12.03.1985"),
    ],
)
def test_dates_of_birth_are_found(text: str, value: str) -> None:
    assert found(text) == [(value, "BIRTHDATE")]


@pytest.mark.parametrize(
    "text", ["the meeting is on 12/03/2026", "Einstein was born in Ulm", "when is my birthday"]
)
def test_other_dates_stay(text: str) -> None:
    assert found(text) == []
