"""Documents with the summaries that people wrote of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETS = {"scitldr": 1, "mts_dialog": 2}
"""The data sets, and how many sentences a summary takes: theirs have one, or a few."""


@dataclass(frozen=True)
class Document:
    """A text and its references, of which the best counts."""

    text: str
    references: tuple[str, ...]


def read_documents(path: Path) -> Iterator[Document]:
    """Yield the documents of a JSONL file with ``document`` and ``summary`` or ``summaries``."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Document(row["document"], tuple(row.get("summaries") or [row["summary"]]))
