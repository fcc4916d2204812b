"""Character spans of labelled text: from JSON records, and from the tags of CoNLL files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from edge_export.train.rows import Row, read_lines
from edge_runtime.errors import ConfigError

_FIELDS = ("spans", "slots")
_NAMES = ("label", "slot")
_STARTS = {"B": "B", "I": "I", "L": "I", "E": "I", "U": "B", "S": "B"}
_ENDS = "LEUS"


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) carry ``label``; None: annotation unknown."""

    start: int
    end: int
    label: str | None


def json_spans(row: Row, text: str, field: str | None) -> list[Span]:
    """Return the spans of a record: a list under ``field``, or under ``spans`` or ``slots``.

    Raises:
        ConfigError: there is no such list, or a span is not one of characters of the text.
    """
    fields = (field,) if field else _FIELDS
    found = [row.fields[name] for name in fields if isinstance(row.fields.get(name), list)]
    if not found:
        raise ConfigError(f"{row.place}: no list of {' or '.join(fields)}")
    spans = [_span(row, text, raw) for raw in found[0]]
    ordered = sorted(spans, key=lambda span: span.start)
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise ConfigError(
                f"{row.place}: spans {left.start}-{left.end} and {right.start}-{right.end} overlap"
            )
    return spans


def read_conll(path: Path) -> Iterator[tuple[str, list[Span]]]:
    """Yield text and spans of each block of lines: first column the token, last column its tag.

    Columns are separated by tabs, or else by spaces. Tags are BIO, IOB1, BILOU or IOBES.

    Raises:
        ConfigError: a line is something else; the message names it.
    """
    block: list[tuple[str, str, str]] = []
    for place, line in read_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        if line.strip() and not line.startswith("-DOCSTART-"):
            block.append(_tagged(place, columns))
        elif block:
            yield _join(block)
            block = []
    if block:
        yield _join(block)


def _span(row: Row, text: str, raw: object) -> Span:
    if not isinstance(raw, dict):
        raise ConfigError(f"{row.place}: a span is an object with start, end and label: {raw!r}")
    start, end = raw.get("start"), raw.get("end")
    label = next((raw[name] for name in _NAMES if name in raw), None)
    if not isinstance(label, str) or not label:
        raise ConfigError(f"{row.place}: a span has no {' or '.join(_NAMES)}: {raw!r}")
    if type(start) is not int or type(end) is not int:
        raise ConfigError(f"{row.place}: start and end of a span are whole numbers: {raw!r}")
    if not 0 <= start < end <= len(text):
        raise ConfigError(
            f"{row.place}: span {start}-{end} ({label}) is not within the text, "
            f"which has {len(text)} characters"
        )
    return Span(start, end, label)


def _tagged(place: str, columns: list[str]) -> tuple[str, str, str]:
    """Return token, prefix and label; prefix and label are empty outside of all spans."""
    if len(columns) == 1:
        raise ConfigError(f"{place}: {columns[0]!r} has no tag; a line is a token and its tag")
    token, tag = columns[0].strip(), columns[-1].strip()
    if tag == "O":
        return token, "", ""
    prefix, _, label = tag.partition("-")
    if prefix not in _STARTS or not label:
        raise ConfigError(f"{place}: tag {tag!r} is neither O nor of the form B-LABEL, I-LABEL")
    return token, prefix, label


def _join(block: Iterable[tuple[str, str, str]]) -> tuple[str, list[Span]]:
    text = ""
    spans: list[Span] = []
    open_label = ""
    for token, prefix, label in block:
        # a handle is one word for people, and two tokens in the Broad Twitter Corpus
        handle = text.endswith("@")
        gap = "" if handle or not text else " "
        start = len(text + gap)
        text = f"{text}{gap}{token}"
        if label and label == open_label and (handle or _STARTS[prefix] == "I"):
            spans[-1] = Span(spans[-1].start, len(text), label)
        elif label:
            # annotators left out the sign of some handles
            bare = handle and token != "@" and not (spans and spans[-1].end == start)
            spans.append(Span(start - 1 if bare else start, len(text), label))
        open_label = "" if prefix in _ENDS else label
    return text, spans
