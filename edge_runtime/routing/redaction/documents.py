"""Numbers of documents and accounts, and dates of birth, told by the word before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_runtime.routing.redaction.findings import Finding

_NUMBER_WORDS = {
    "PASSPORT": r"passport",
    "LICENSE": r"driver'?s?'? licen[cs]e|driving licen[cs]e|dl",
    "SSN": r"ssn|social security",
    "ID": r"(?:national|personal|tax|patient|member|membership|customer|client|employee|student|"
    r"voter|medical record|health|insurance|account|acct|bank|routing|sort|swift|bic|nhs|nino|"
    r"medicare|medicaid)(?: (?:id|identification|identity))?(?: card)?|id card|identity card|"
    r"licen[cs]e plate|number plate|mrn|tin|itin|ein|vat|imei|vin|iban|"
    # these have numbers of nobody too, so that it has to be said
    r"(?:policy|order|booking|reservation|confirmation|invoice|case|claim|ticket|serial|tracking|"
    r"vehicle|device|user|registration|identity|identification|staff)"
    r"(?: (?=number|no\b|num\b|nr\b|id\b|code|ref)|(?= ?[:#]))",
}
_NUMBER = re.compile(
    r"(?i)(?<!\w)(?:"
    + "|".join(f"({words})" for words in _NUMBER_WORDS.values())
    + r")(?:(?<=[ ])|\b[ \t]*)(?:(?:numbers?|no|num|nr|id|code|plate|card|ref(?:erence)?)\b\.?)?"
    r"(?:[ \t]*(?:[:=#]|\b(?:is|was|are|number|no)\b)){0,3}[ \t]*"
    r"(?<![A-Z])((?:(?-i:[A-Z]{1,3})[ -]){0,2}(?=[A-Z-]{0,8}\d)[A-Z0-9](?:[A-Z0-9]|[-./](?=\w))*+"
    r"(?: (?=[A-Z]?\d)[A-Z0-9-]++){0,6}+(?: [A-Z](?!\w))?)"
)
_NUMBER_KINDS = tuple(_NUMBER_WORDS)
_LEAST_SIGNS, _LEAST_DIGITS = 5, 3

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = (
    r"(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"
    rf"|{_DAY}(?: of)? (?:{_MONTHS})\b\.?(?:,? \d{{2,4}})?"
    rf"|(?:{_MONTHS})\b\.? (?:the )?{_DAY}\b(?:,? \d{{4}})?"
    r"|\d{2} ?\d{2} ?\d{4}|\d{8})"
)
_BIRTH = re.compile(
    r"(?i)\b(?:date of birth|birth ?date|birthday|d\.?o\.?b\b\.?|born(?: on| in)?|geboren(?: am)?|"
    r"geburtsdatum|n\u00e9e?(?: le)?|nacid[oa](?: el)?)"
    r"(?:[ \t]*(?:[:=,.?]|\b(?:is|was|on|the|it's|its|in)\b)){0,5}[ \t]*"
    rf"({_DATE})(?!\w)"
)


def find_documents(text: str) -> Iterator[Finding]:
    """Yield what words such as ``passport``, ``account number`` or ``born on`` announce."""
    yield from (Finding(*match.span(1), "BIRTHDATE") for match in _BIRTH.finditer(text))
    for match in _NUMBER.finditer(text):
        group = match.lastindex or 1
        value = match.group(group)
        digits = sum(char.isdigit() for char in value)
        if digits >= _LEAST_DIGITS and len(value) >= _LEAST_SIGNS:
            kind = next(kind for at, kind in enumerate(_NUMBER_KINDS) if match.group(at + 1))
            yield Finding(*match.span(group), kind)
