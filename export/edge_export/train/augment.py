"""Examples as people also write them: in another letter case, and one after the other."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from edge_export.train.examples import Example, Span

_LONGEST_ROW = 8
_SHOUTED = 0.1  # share of the recased texts that are all upper case


def recase(example: Example, rng: random.Random) -> Example:
    """Return the example in another letter case, of the same length, so that spans stay true."""
    text = example.text
    if example.spans or text != text.lower():
        changed = text.lower()
    else:
        changed = text.upper() if rng.random() < _SHOUTED else text[:1].upper() + text[1:]
    if len(changed) != len(text):
        return example
    return Example(
        changed, example.head, example.source, example.label, example.spans, example.covers
    )


def join_rows(examples: Iterable[Example], share: float, rng: random.Random) -> Iterator[Example]:
    """Put some tagged texts of one source in a row, so that long texts are seen in training."""
    row: list[Example] = []
    wanted = 1
    for example in examples:
        if example.label is not None:
            yield example
            continue
        if row and (len(row) >= wanted or row[0].source != example.source):
            yield _joined(row)
            row = []
        if not row:
            wanted = rng.randint(2, _LONGEST_ROW) if rng.random() < share else 1
        row.append(example)
    if row:
        yield _joined(row)


def _joined(row: list[Example]) -> Example:
    text = ""
    spans: list[Span] = []
    for example in row:
        gap = " " if text else ""
        shift = len(text) + len(gap)
        text += gap + example.text
        spans += [Span(s.start + shift, s.end + shift, s.label) for s in example.spans]
    first = row[0]
    return Example(text, first.head, first.source, spans=tuple(spans), covers=first.covers)
