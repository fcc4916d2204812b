"""Labelled texts from data files: TSV, JSONL and CoNLL."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.train.recipe import Head, Source
from edge_runtime.errors import ConfigError


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) carry ``label``; None: annotation unknown."""

    start: int
    end: int
    label: str | None


@dataclass(frozen=True)
class Example:
    """One labelled text: ``label`` for a classification head, ``spans`` for a tagging head."""

    text: str
    head: str
    source: str
    label: str | None = None
    spans: tuple[Span, ...] = ()
    covers: tuple[str, ...] = ()


def read_examples(source: Source, head: Head, data: Path, *, split: str) -> list[Example]:
    """Return the examples of one source, in file order.

    Raises:
        ConfigError: a file is missing, or a label is unknown to the head.
    """
    files = source.train if split == "train" else source.dev
    examples: list[Example] = []
    for name in files:
        path = data / name
        if not path.is_file():
            raise ConfigError(f"{source.name}: no file {path}; is --data right?")
        read = _read_tagged if head.type == "tagging" else _read_classified
        examples += read(source, path)
    if head.labels:
        known = {*head.labels, head.out_of_scope}
        for example in examples:
            found = {example.label} if example.label else {s.label for s in example.spans} - {None}
            if not found <= known:
                raise ConfigError(f"{source.name}: labels {found - known} are not in the head")
    return examples


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".tsv":
            yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        else:
            yield from (json.loads(line) for line in file if line.strip())


def _read_classified(source: Source, path: Path) -> Iterator[Example]:
    for row in _rows(path):
        text = row[source.text].strip()
        if source.first_line:
            text = text.split("\n", 1)[0]
        label = source.always or row[source.label]
        label = source.map.get(label, label)
        # several labels at once ("negative,neutral") leave the row undecided
        if not text or label in source.ignore or "," in label:
            continue
        yield Example(text, source.head, source.name, label, covers=tuple(source.covers))


def _read_tagged(source: Source, path: Path) -> Iterator[Example]:
    pairs = _conll(path) if path.suffix == ".conll" else _json_spans(path)
    for text, spans in pairs:
        yield Example(
            text, source.head, source.name,
            spans=tuple(_mapped(source, spans)), covers=tuple(source.covers),
        )  # fmt: skip


def _mapped(source: Source, spans: Iterable[Span]) -> Iterator[Span]:
    """Rename the labels; with a map, those that it does not name are not looked for."""
    for span in spans:
        if span.label in source.ignore:
            yield Span(span.start, span.end, None)
        elif not source.map:
            yield span
        elif span.label in source.map:
            yield Span(span.start, span.end, source.map[span.label])


def _json_spans(path: Path) -> Iterator[tuple[str, list[Span]]]:
    """Read ``spans`` with a ``label`` each, or ``slots`` with the name of the ``slot``."""
    for row in _rows(path):
        named = [(span, span["label"]) for span in row.get("spans", [])]
        named += [(slot, slot["slot"]) for slot in row.get("slots", [])]
        yield row["text"], [Span(span["start"], span["end"], name) for span, name in named]


def _conll(path: Path) -> Iterator[tuple[str, list[Span]]]:
    block: list[tuple[str, str]] = []
    with path.open(encoding="utf-8") as file:
        for line in [*file, "\n"]:
            if line.strip():
                token, tag = line.rstrip("\n").rsplit("\t", 1)
                block.append((token, tag))
            elif block:
                yield _join(block)
                block = []


def _join(block: list[tuple[str, str]]) -> tuple[str, list[Span]]:
    text = ""
    spans: list[Span] = []
    for token, tag in block:
        # a handle is one word for people, and two tokens in the Broad Twitter Corpus
        handle = text.endswith("@")
        gap = "" if handle or not text else " "
        start = len(text + gap)
        text = f"{text}{gap}{token}"
        joined = tag.startswith("I-") or (handle and tag != "O")
        if joined and spans and spans[-1].label == tag[2:]:
            spans[-1] = Span(spans[-1].start, len(text), tag[2:])
        elif tag != "O":
            spans.append(Span(start, len(text), tag[2:]))
    return text, spans
