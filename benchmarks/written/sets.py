"""Questions with one right answer, in words that a small model understands."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_export.train.rows import read_rows

_SEED = 13
_LARGEST = 60  # of the numbers to be added


@dataclass(frozen=True)
class Question:
    """A question and its right answer."""

    text: str
    answer: str


def polarity(data: Path, split: str) -> Iterator[Question]:
    """Yield film reviews, positive or negative."""
    for row in read_rows(data / "rotten_tomatoes_mr" / f"{split}.tsv"):
        yield Question(
            "Is the opinion in this sentence positive or negative? Answer with one word.\n\n"
            f"Sentence: {row.text('text')}",
            row.text("label"),
        )


def topic(data: Path, split: str) -> Iterator[Question]:
    """Yield requests to an assistant; the answer is their domain, one of 18."""
    rows = list(read_rows(data / "hwu64" / f"{split}.jsonl"))
    names = sorted({row.text("domain") for row in rows})
    for row in rows:
        yield Question(
            f"Which topic has this request? Answer with one of: {', '.join(names)}.\n\n"
            f"Request: {row.text('text')}",
            row.text("domain"),
        )


def sums(_data: Path, _split: str) -> Iterator[Question]:
    """Yield sums of two or three numbers, for ever."""
    rng = random.Random(_SEED)  # noqa: S311 - not a secret
    while True:
        numbers = [rng.randint(1, _LARGEST) for _ in range(rng.choice([2, 2, 3]))]
        yield Question(f"What is {' + '.join(map(str, numbers))}?", str(sum(numbers)))


SETS: dict[str, Callable[[Path, str], Iterator[Question]]] = {
    "film reviews: polarity": polarity,
    "requests: topic": topic,
    "sums": sums,
}


def read_questions(name: str, data: Path, split: str, count: int) -> list[Question]:
    """Return so many questions of a set, drawn with a fixed seed."""
    rng = random.Random(_SEED)  # noqa: S311 - not a secret
    questions = SETS[name](data, split)
    if name == "sums":
        return [next(questions) for _ in range(count)]
    every = list(questions)
    return rng.sample(every, min(count, len(every)))
