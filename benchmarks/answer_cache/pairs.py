"""Pairs of questions that have the same answer, and pairs that nearly are but have another."""

from __future__ import annotations

import csv
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPELLINGS = "same words, spelled as a speech recogniser does"
PARAPHRASES = "same intent, same slot values"
SWAPPED = "one slot value exchanged"
NEAR = "same intent, other slot values"
UNLIKE = "other questions out of scope"
SAME = (SPELLINGS, PARAPHRASES)  # may have the same answer; the others may not

_SWAPS = 2  # for each slot
_SEED = 7

Pair = tuple[str, str]


@dataclass(frozen=True)
class Command:
    """A text of HWU64 as it was typed and as it was normalised, with its slots.

    ``slots`` hold (slot, value) in small letters; ``spans`` the same with where the value stands in
    ``text``.
    """

    text: str
    original: str
    intent: str
    slots: frozenset[tuple[str, str]]
    spans: Sequence[tuple[int, int, str]]


def read_pairs(data: Path, split: str) -> dict[str, list[Pair]]:
    """Return the pairs of each kind; what is drawn by chance is drawn alike each time."""
    commands = list(_read_commands(data / "hwu64" / f"{split}.jsonl"))
    by_intent: dict[str, list[Command]] = defaultdict(list)
    for command in commands:
        by_intent[command.intent].append(command)
    alike: list[Pair] = []
    near: list[Pair] = []
    for group in by_intent.values():
        for one, other in itertools.combinations(group, 2):
            if one.slots == other.slots:
                # without a slot, the same intent says little about what is asked
                alike += [(one.original, other.original)] if one.slots else []
            else:
                near.append((one.original, other.original))
    foreign = _read_out_of_scope(data / "clinc150" / f"{split}.tsv")
    return {
        SPELLINGS: [(each.original, each.text) for each in commands if each.original != each.text],
        PARAPHRASES: alike,
        SWAPPED: list(_swapped(commands)),
        NEAR: near,
        UNLIKE: list(itertools.combinations(foreign, 2)),
    }


def _read_commands(path: Path) -> Iterator[Command]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        spans = [(each["start"], each["end"], each["slot"]) for each in row["slots"]]
        values = frozenset((each["slot"], each["value"].casefold()) for each in row["slots"])
        yield Command(row["text"], row["original"], row["intent"], values, spans)


def _read_out_of_scope(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [text for intent, text in rows if intent == "oos"]


def _swapped(commands: Sequence[Command]) -> Iterator[Pair]:
    """Yield each text beside itself with one value exchanged for another of the same slot."""
    values: dict[str, set[str]] = defaultdict(set)
    for each in commands:
        for start, end, slot in each.spans:
            values[slot].add(each.text[start:end])
    chance = random.Random(_SEED)  # noqa: S311 - not a secret
    for each in commands:
        for start, end, slot in each.spans:
            others = sorted(values[slot] - {each.text[start:end]})
            for value in chance.sample(others, min(_SWAPS, len(others))):
                yield each.text, f"{each.text[:start]}{value}{each.text[end:]}"
