"""Numbers with letters that a check or their form proves: IBAN, national insurance, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from edge_runtime.routing.redaction.checks import IBAN_LENGTHS, is_iban
from edge_runtime.routing.redaction.findings import Finding

_IBAN_BEGINS = re.compile(r"(?<![^\W_])[A-Za-z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])")
_IBAN_SIGNS = re.compile(r"[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){14,33}")
_NINO = re.compile(
    r"(?i)(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"
)
_UUID = re.compile(r"(?i)(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])")
_KEYS = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{16,}+|(?:sk|pk|rk)_(?:live|test)_\w{16,}+|gh[pousr]_\w{30,}+"
    r"|github_pat_\w{20,}+|glpat-[\w-]{16,}+|xox[abeprs]-[\w-]{10,}+|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|AIza[\w-]{30,}+|hf_\w{20,}+|npm_\w{30,}+|eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+)"
)
_BEARER = re.compile(r"(?i)\bbearer\s+([\w.~+/=-]{12,}+)")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----")
_PRIVATE_KEY_END = re.compile(r"-----END [A-Z ]{0,24}PRIVATE KEY-----")
_RANDOM = re.compile(r"(?<![\w/+=-])[A-Za-z0-9/+_-]{32,}+={0,2}+(?![\w/+-])")


def find_accounts(text: str) -> Iterator[Finding]:
    """Yield numbers and keys that stand for an account wherever they stand."""
    if "-----BEGIN" in text:
        yield from _private_keys(text)
    yield from (Finding(*match.span(), "SECRET") for match in _KEYS.finditer(text))
    yield from (Finding(*match.span(1), "SECRET") for match in _BEARER.finditer(text))
    yield from (Finding(*match.span(), "ID") for match in _UUID.finditer(text))
    for match in _RANDOM.finditer(text):
        if _is_random(match.group()):
            yield Finding(*match.span(), "SECRET")
    yield from _ibans(text)
    yield from (Finding(*match.span(), "ID") for match in _NINO.finditer(text))


def _private_keys(text: str) -> Iterator[Finding]:
    """Yield keys from their first line to their last, to the end of the text if that is cut off."""
    position = 0
    while (begin := _PRIVATE_KEY.search(text, position)) is not None:
        end = _PRIVATE_KEY_END.search(text, begin.end())
        position = len(text) if end is None else end.end()
        yield Finding(begin.start(), position, "SECRET")


def _is_random(value: str) -> bool:
    """Whether a long word mixes letters and digits as keys do, and paths and names do not."""
    digits = sum(char.isdigit() for char in value)
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(value))
    return digits < len(value) and changes > len(value) // 6 and value.count("/") < 3  # noqa: PLR2004


def _ibans(text: str) -> Iterator[Finding]:
    position = 0
    while (begin := _IBAN_BEGINS.search(text, position)) is not None:
        position = begin.end()
        signs = _IBAN_SIGNS.match(text, begin.start())
        length = IBAN_LENGTHS.get(begin.group()[:2].upper())
        end = None if signs is None or length is None else _end(text, begin.start(), length)
        if end is not None and is_iban(re.sub("[ -]", "", text[begin.start() : end])):
            yield Finding(begin.start(), end, "IBAN")
            position = end


def _end(text: str, start: int, length: int) -> int | None:
    """Return where so many letters and digits end, if a word ends there."""
    end = start
    for end in range(start, min(start + 2 * length, len(text))):
        length -= text[end].isalnum()
        if length == 0:
            break
    is_whole = length == 0 and not text[end + 1 : end + 2].isalnum()
    return end + 1 if is_whole else None
