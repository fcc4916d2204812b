"""Checks that tell a number from digits: check sums, lengths by country, areas never given out."""

from __future__ import annotations

import re
from collections.abc import Mapping

# ISO 13616 registry, release 98: how long an IBAN is in each country.
IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip

CARD_SIZES = range(12, 20)  # digits
_CARD_BEGINS = re.compile(r"[3-6]|2[1-7]|1800|9792")
_ISSUER = 4  # digits at most that tell an issuer here
_SSN = re.compile(r"(\d{3})([- ])(\d{2})\2(\d{4})")
_ISBN_SIZE = 13


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812."""
    numbers = [int(char) for char in digits]
    doubled = (n * 2 - 9 if n > 4 else n * 2 for n in numbers[-2::-2])  # noqa: PLR2004
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def is_card(digits: str) -> bool:
    """Whether 12 to 19 digits begin as issuers' do, and end with the right check digit."""
    return _CARD_BEGINS.match(digits) is not None and len(set(digits)) > 1 and is_luhn(digits)


def begins_card(digits: str) -> bool:
    """Whether the first of some digits may be those of an issuer."""
    return len(digits) < _ISSUER or _CARD_BEGINS.match(digits) is not None


def is_iban(value: str) -> bool:
    """Whether a text without spaces has its country's length and leaves 1 modulo 97."""
    value = value.upper()
    if len(value) != IBAN_LENGTHS.get(value[:2]) or not value.isascii():
        return False
    return int("".join(str(int(char, 36)) for char in value[4:] + value[:4])) % 97 == 1


def is_ssn(value: str) -> bool:
    """Whether three, two and four digits are a US number: area, group and serial are given out."""
    match = _SSN.fullmatch(value)
    if match is None:
        return False
    area, _, group, serial = match.groups()
    return int(area) not in {0, 666} and int(area) < 900 and int(group) > 0 and int(serial) > 0  # noqa: PLR2004


def is_isbn(digits: str) -> bool:
    """Whether thirteen digits name a book: everybody may know them."""
    if len(digits) != _ISBN_SIZE or not digits.startswith(("978", "979")):
        return False
    return sum(int(char) * (1, 3)[at % 2] for at, char in enumerate(digits)) % 10 == 0
