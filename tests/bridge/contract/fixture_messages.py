"""The messages in ``fixtures``: one file for each kind, with valid and invalid ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.bridge.protocol.message import Message

DIRECTORY = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Fixture:
    """A message of a kind; ``why`` says what is wrong with it, empty if nothing is."""

    kind: str
    message: Message
    why: str = ""

    def __str__(self) -> str:
        return f"{self.kind} on {self.message.topic} {self.why}".strip()


def read_fixtures() -> Iterator[Fixture]:
    """Yield all of them."""
    for path in sorted(DIRECTORY.glob("*.json")):
        content = json.loads(path.read_text())
        for each in [*content["valid"], *content["invalid"]]:
            yield Fixture(path.stem, _message(each), each.get("why", ""))


def _message(content: dict[str, Any]) -> Message:
    is_text = "text" in content
    payload = content["text"] if is_text else json.dumps(content["payload"])
    correlation = content.get("correlation")
    return Message(
        topic=content["topic"],
        payload=payload.encode(),
        qos=content.get("qos", 1),
        retain=content.get("retain", False),
        correlation=None if correlation is None else correlation.encode(),
        content_type=content.get("content_type", None if is_text else "application/json"),
        properties=tuple(content.get("properties", {}).items()),
    )
