"""Labelled texts of a recipe's sources, for the heads that learn from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_export.train.home import target_label
from edge_export.train.made import made_rows
from edge_export.train.recipe import Head, Source
from edge_export.train.rows import OBJECTS, TABLES, Row, read_rows
from edge_export.train.spans import Span, json_spans, read_conll
from edge_runtime.errors import ConfigError

OR = "|"  # between the labels of a span of which one is right, but it is not known which

_TAGS = (".conll", ".bio", ".iob")

__all__ = ["OR", "Example", "Span", "example_labels", "read_examples"]


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
        ConfigError: a file is missing or broken, or a label is unknown to the head.
    """
    examples: list[Example] = []
    tagging = head.type == "tagging"
    for name, rows in _contents(source, head, data, split):
        found = list(_tagged(source, rows) if tagging else _classified(source, head, rows))
        if not found:
            raise ConfigError(f"{name} has no rows for head {source.head!r}")
        examples += found
    _check_labels(source, head, examples)
    return examples


def example_labels(example: Example) -> set[str]:
    """Return the labels that an example carries, of either kind of head."""
    named = {
        label for span in example.spans if span.label is not None for label in span.label.split(OR)
    }
    return named | ({example.label} if example.label is not None else set())


def _contents(
    source: Source, head: Head, data: Path, split: str
) -> Iterator[tuple[str, Path | Iterable[Row]]]:
    """Yield name and rows of each file, for CoNLL its path; or the rows that are made."""
    files = [data / name for name in (source.train if split == "train" else source.dev)]
    if source.made is not None and split == "train":
        yield source.name, _with_target(source, made_rows(source.made, tuple(files)))
        return
    for path in files:
        _check_file(source, head, path)
        yield str(path), path if path.suffix in _TAGS else _with_target(source, read_rows(path))


def _with_target(source: Source, rows: Iterable[Row]) -> Iterable[Row]:
    if not source.target:
        return rows
    return (Row(row.place, {**row.fields, "target": target_label(row.fields)}) for row in rows)


def _check_file(source: Source, head: Head, path: Path) -> None:
    endings = (*OBJECTS, *_TAGS) if head.type == "tagging" else (*TABLES, *OBJECTS)
    if not path.is_file():
        raise ConfigError(f"{source.name}: no file {path}; is --data right?")
    if path.suffix not in endings:
        raise ConfigError(
            f"{path}: a {head.type} head reads {', '.join(endings)}; convert or rename the file"
        )


def _check_labels(source: Source, head: Head, examples: list[Example]) -> None:
    allowed = source.covers or head.labels
    if not allowed:
        return
    known = {*allowed, *filter(None, [head.out_of_scope])}
    for example in examples:
        if unknown := example_labels(example) - known:
            raise ConfigError(
                f"{source.name}: {', '.join(sorted(unknown))} is not among the labels of head "
                f"{source.head!r}: {example.text[:40]!r}"
            )


def _classified(source: Source, head: Head, rows: Path | Iterable[Row]) -> Iterator[Example]:
    assert not isinstance(rows, Path), "files of tags are refused before"  # noqa: S101
    columns = (source.label,) if source.label else ("label", source.head)
    known = {*head.labels, *source.ignore}
    for row in rows:
        text = row.text(source.text).strip()
        if source.first_line:
            text = text.split("\n", 1)[0]
        label = source.always or row.text(*columns).strip()
        if not label:
            raise ConfigError(f"{row.place}: the label is empty")
        label = source.map.get(label, label)
        # several labels at once ("negative,neutral") leave the row undecided
        undecided = "," in label and known.issuperset(label.split(","))
        if not text or label in source.ignore or undecided:
            continue
        yield Example(text, source.head, source.name, label, covers=tuple(source.covers))


def _tagged(source: Source, rows: Path | Iterable[Row]) -> Iterator[Example]:
    for text, spans in read_conll(rows) if isinstance(rows, Path) else _json(source, rows):
        yield Example(
            text, source.head, source.name,
            spans=(*_mapped(source, spans), *_unknown(source, text, spans)),
            covers=tuple(source.covers),
        )  # fmt: skip


def _json(source: Source, rows: Iterable[Row]) -> Iterator[tuple[str, list[Span]]]:
    for row in rows:
        text = row.text(source.text)
        if text.strip():
            yield text, json_spans(row, text, source.label)


def _mapped(source: Source, spans: Iterable[Span]) -> Iterator[Span]:
    """Rename the labels; with a map, those that it does not name are not looked for."""
    for span in spans:
        if span.label in source.ignore:
            yield Span(span.start, span.end, None)
        elif not source.map:
            yield Span(span.start, span.end, source.rename.get(span.label or "", span.label))
        elif span.label in source.map:
            yield Span(span.start, span.end, source.map[span.label])


def _unknown(source: Source, text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Yield what the annotators left alone on principle, except where they did annotate it."""
    for found in re.finditer(source.unknown, text) if source.unknown else ():
        if not any(span.start < found.end() and found.start() < span.end for span in spans):
            yield Span(*found.span(), None)
