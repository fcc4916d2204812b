"""Sentences with invented personal data, for a tagger that is to find the real ones.

Values come from Faker (MIT) in the languages and scripts of many countries, sentences from the
templates beside the recipes. Labels are those of presidio-research's data set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_export.train.pii_values import Maker, recipe_lines

Row = dict[str, Any]
LABELS = (
    "PERSON", "STREET_ADDRESS", "GPE", "ORGANIZATION", "CREDIT_CARD", "DATE_TIME", "PHONE_NUMBER",
    "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "DOMAIN_NAME", "ZIP_CODE", "AGE", "NRP",
    "TITLE", "US_DRIVER_LICENSE", "US_PASSPORT", "DATE_OF_BIRTH", "PASSWORD", "MAC_ADDRESS",
    "ID_NUMBER",
)  # fmt: skip

_PLAIN = 0.2  # share of rows without personal data
_TWICE = 0.15  # share of rows made of two sentences
_LOWER, _UPPER, _BARE = 0.12, 0.03, 0.08  # shares of rows that are recased or lose punctuation
_FIELD = re.compile(r"\{([^}]+)\}")


def sample_pii(rows: int, seed: int) -> Iterator[Row]:
    """Yield ``text`` and ``spans`` (start, end, label, value); the same seed, the same rows.

    Raises:
        ModuleNotFoundError: Faker is not installed.
    """
    maker = Maker(random.Random(seed))  # noqa: S311 - invented data
    personal, plain = _templates("pii_templates.txt"), _templates("plain_templates.txt")
    rng = maker.rng
    for _ in range(rows):
        count = 2 if rng.random() < _TWICE else 1
        chosen = [rng.choice(plain if rng.random() < _PLAIN else personal) for _ in range(count)]
        draft = _Draft()
        for i, template in enumerate(chosen):
            if i:
                draft.add(rng.choice([". ", "\n", " "]), None)
            _fill(template, maker, draft)
        yield _disturbed(draft, rng)


def sample_open(rows: int, seed: int) -> Iterator[Row]:
    """Yield questions and tasks for a large model, of the same form; some hold personal data.

    Raises:
        ModuleNotFoundError: Faker is not installed.
    """
    maker = Maker(random.Random(seed))  # noqa: S311 - invented data
    templates = _templates("open_templates.txt")
    for _ in range(rows):
        draft = _Draft()
        _fill(maker.rng.choice(templates), maker, draft)
        yield _disturbed(draft, maker.rng)


@dataclass
class _Draft:
    text: str = ""
    spans: list[Row] = field(default_factory=list)

    def add(self, piece: str, label: str | None) -> None:
        if label is not None:
            start, end = len(self.text), len(self.text) + len(piece)
            self.spans.append({"start": start, "end": end, "label": label, "value": piece})
        self.text += piece


def _templates(name: str) -> list[str]:
    return [line.replace("\\n", "\n") for line in recipe_lines(name)]


def _fill(template: str, maker: Maker, draft: _Draft) -> None:
    place = 0
    for found in _FIELD.finditer(template):
        draft.add(template[place : found.start()], None)
        lead = template[: found.start()].rpartition("\n")[2]
        for piece, label in maker.make(found.group(1), lead if set(lead) <= set("> -") else ""):
            draft.add(piece, label)
        place = found.end()
    draft.add(template[place:], None)


def _disturbed(draft: _Draft, rng: random.Random) -> Row:
    text, chance = draft.text, rng.random()
    changed = text
    if chance < _LOWER:
        changed = text.lower()
    elif chance < _LOWER + _UPPER:
        changed = text.upper()
    elif chance < _LOWER + _UPPER + _BARE:
        changed = text.rstrip(".!?").ljust(len(text))
    text = changed if len(changed) == len(text) else text
    spans = [{**span, "value": text[span["start"] : span["end"]]} for span in draft.spans]
    return {"text": text, "spans": spans}
