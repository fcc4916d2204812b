"""Texts as people also write them: in another letter case, with slips, one after the other."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from edge_export.train.examples import Example, Span
from edge_export.train.noise import KINDS, add_noise

Row = tuple[Example, ...]
"""The examples of one text, each for another head."""

_LONGEST_ROW = 8
_SHOUTED = 0.1  # share of the recased texts that are all upper case


def gather(examples: Iterable[Example]) -> list[Row]:
    """Put examples with the same text together, so that one forward pass serves all their heads.

    A text that a head has twice stands in two rows.
    """
    rows: dict[tuple[str, int], list[Example]] = {}
    seen: dict[tuple[str, str], int] = {}
    for example in examples:
        known = (example.text, example.head)
        turn = seen[known] = seen.get(known, -1) + 1
        rows.setdefault((example.text, turn), []).append(example)
    return [tuple(row) for row in rows.values()]


def recase(row: Row, rng: random.Random) -> Row:
    """Return the row in another letter case, of the same length, so that spans stay true."""
    text = row[0].text
    if any(example.spans for example in row) or text != text.lower():
        changed = text.lower()
    else:
        changed = text.upper() if rng.random() < _SHOUTED else text[:1].upper() + text[1:]
    if len(changed) != len(text):
        return row
    return tuple(replace(example, text=changed) for example in row)


def disturb(row: Row, rng: random.Random) -> Row:
    """Return the row with one kind of noise; spans move along, and what is lost of them goes."""
    noisy = add_noise(row[0].text, rng.choice(KINDS), rng)
    if not noisy.text.strip():
        return row
    changed = []
    for example in row:
        spans = [
            Span(noisy.offsets[span.start], noisy.offsets[span.end], span.label)
            for span in example.spans
        ]
        if any(span.start >= span.end for span in spans):
            return row
        changed.append(replace(example, text=noisy.text, spans=tuple(spans)))
    return tuple(changed)


def join_rows(rows: Iterable[Row], share: float, rng: random.Random) -> Iterator[Row]:
    """Put some tagged texts of one source in a row, so that long texts are seen in training."""
    joined: list[Row] = []
    wanted = 1
    for row in rows:
        if any(example.label is not None for example in row):
            yield row
            continue
        if joined and (len(joined) >= wanted or _sources(joined[0]) != _sources(row)):
            yield _joined(joined)
            joined = []
        if not joined:
            wanted = rng.randint(2, _LONGEST_ROW) if rng.random() < share else 1
        joined.append(row)
    if joined:
        yield _joined(joined)


def _sources(row: Row) -> list[str]:
    return [example.source for example in row]


def _joined(rows: Sequence[Row]) -> Row:
    if len(rows) == 1:
        return rows[0]
    text = " ".join(row[0].text for row in rows)
    starts = [0]
    for row in rows[:-1]:
        starts.append(starts[-1] + len(row[0].text) + 1)
    together = []
    for examples in zip(*rows, strict=True):
        spans = chain.from_iterable(
            (Span(s.start + shift, s.end + shift, s.label) for s in example.spans)
            for example, shift in zip(examples, starts, strict=True)
        )
        together.append(replace(examples[0], text=text, spans=tuple(spans)))
    return tuple(together)
