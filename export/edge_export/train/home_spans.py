"""Spans that rows of home commands lack although the words are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edge_runtime.assistant.commands.slots import slot_values

_LONGEST = 5  # words of a value that is looked for
_UNIT = re.compile(r"\W*(?:a |an )?(hour|minute|second)", re.IGNORECASE)
_NOT_SPANS = ("domain", "device_class")  # the head `target` tells them


def complete_spans(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the spans of a row, and one more for each slot whose value some words say.

    Only values that the words give by the rules of the device count: "max" for brightness 100,
    "shut" for closed. Spans of domains and device classes, and ``all`` as a name, are left out.
    """
    text, slots = str(row["text"]), row["slots"]
    spans = [
        span
        for span in row["spans"]
        if span["slot"] not in _NOT_SPANS and slots.get(span["slot"]) != "all"
    ]
    said = {span["slot"] for span in spans}
    for slot, value in slots.items():
        if slot in said or slot in _NOT_SPANS or value == "all":
            continue
        for start, end in _candidates(text, spans):
            if _says(row, slot, value, start, end):
                spans.append({"start": start, "end": end, "slot": slot, "value": text[start:end]})
                break
    return sorted(spans, key=lambda span: int(span["start"]))


def _candidates(text: str, spans: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield ranges of whole words outside the spans, the longest first."""
    words = [match.span() for match in re.finditer(r"\d+(?:\.\d+)?|[\w'/-]+", text)]
    for length in range(_LONGEST, 0, -1):
        for first in range(len(words) - length + 1):
            start, end = words[first][0], words[first + length - 1][1]
            if all(end <= span["start"] or start >= span["end"] for span in spans):
                yield start, end


def _says(row: Mapping[str, Any], slot: str, value: object, start: int, end: int) -> bool:
    text, slots = str(row["text"]), row["slots"]
    domain, device_class = str(slots.get("domain", "")), str(slots.get("device_class", ""))
    unit = slot.removeprefix("start_").removesuffix("s")
    if unit in ("hour", "minute", "second"):
        after = _UNIT.match(text[end:])
        if after is None or (after[1].lower() != unit and slots[slot] != 30):  # noqa: PLR2004 - half
            return False
    found = slot_values(
        slot, text[start:end], str(row["intent"]), domain=domain, device_class=device_class
    )
    wanted = value if isinstance(value, list) else [value]
    return found.get(slot) in wanted
