"""What patterns find in a text, as pairs of value and kind."""

from __future__ import annotations

from edge_runtime.routing.redaction.findings import united
from edge_runtime.routing.redaction.patterns import of_patterns


def found(text: str) -> list[tuple[str, str]]:
    return [(text[each.start : each.end], each.kind) for each in united(text, of_patterns(text))]
