"""Texts with annotated personal data, and texts without any."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERSONAL = "presidio_pii_synth"
# slots of HWU64 that may name somebody
_NAMING = frozenset({"person", "email_address", "personal_info", "artist_name", "business_name"})

_CALLING = frozenset({"change_user_name", "change_ai_name", "make_call", "text"})  # of CLINC150


@dataclass(frozen=True)
class Annotated:
    """A text and its private spans: start, end (exclusive) and label."""

    text: str
    spans: tuple[tuple[int, int, str], ...] = ()


def read_personal(data: Path, split: str) -> list[Annotated]:
    """Return the sentences with personal data."""
    return [
        Annotated(row["text"], tuple((s["start"], s["end"], s["label"]) for s in row["spans"]))
        for row in _json_lines(data / PERSONAL / f"{split}.jsonl")
    ]


def read_plain(data: Path, split: str) -> dict[str, list[str]]:
    """Return the texts without personal data, by the name of their set."""
    return {name: list(read(data, split)) for name, read in _PLAIN.items()}


def _hwu(data: Path, split: str) -> Iterator[str]:
    for row in _json_lines(data / "hwu64" / f"{split}.jsonl"):
        if not _NAMING & {slot["slot"] for slot in row["slots"]}:
            yield row["original"]


def _clinc(data: Path, split: str) -> Iterator[str]:
    path = data / "clinc150" / f"{split}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["intent"] not in _CALLING:
                yield row["text"]


def _home(data: Path, split: str) -> Iterator[str]:
    for row in _json_lines(data / "home_assistant_intents" / f"{split}.jsonl"):
        yield row["text"]


_PLAIN: Mapping[str, Callable[[Path, str], Iterator[str]]] = {
    "HWU64": _hwu,
    "CLINC150": _clinc,
    "Home Assistant": _home,
}


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
