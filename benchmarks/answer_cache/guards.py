"""What has to be the same before the cosine of two questions is asked for: from lax to strict."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.assistant.caching.essence import essence, same_text
from edge_runtime.assistant.reading import read
from edge_runtime.tasks.encoder import Encoder

Floats = npt.NDArray[np.float32]

_NUMBER = re.compile(r"\d+")
_NO = re.compile(r"(?i)\b(?:no|not|never|without|none)\b|n't\b")


@dataclass(frozen=True)
class Asked:
    """What the device knows of a question."""

    text: str
    intent: str
    entities: frozenset[tuple[str, str]]
    vector: Floats

    @property
    def facts(self) -> tuple[object, ...]:
        """Intent, entities, numbers, and whether something is negated."""
        numbers = tuple(_NUMBER.findall(self.text))
        return self.intent, self.entities, numbers, len(_NO.findall(self.text))


Guard = Callable[[Asked, Asked], bool]

SHIPPED = "same intent and essence"
GUARDS: Mapping[str, Guard] = {
    "none": lambda _one, _other: True,
    "same intent": lambda one, other: one.intent == other.intent,
    "same intent, entities, numbers, negation": lambda one, other: one.facts == other.facts,
    SHIPPED: lambda one, other: (
        one.intent == other.intent and essence(one.text) == essence(other.text) != ""
    ),
}


def is_same_text(one: Asked, other: Asked) -> bool:
    """Whether the cache finds it without a look at its meaning."""
    return same_text(one.text) == same_text(other.text)


def ask(encoder: Encoder, texts: Iterable[str]) -> dict[str, Asked]:
    """Read each text once, by itself, as the device does.

    Raises:
        ValueError: the bundle has no embedding.
    """
    found: dict[str, Asked] = {}
    for text in texts:
        if text in found:
            continue
        reading = read(encoder, text)
        if reading.vector is None:
            raise ValueError(f"bundle {encoder.bundle.manifest.name!r} has no head `embedding`")
        entities = frozenset((each.label, each.text.casefold()) for each in reading.entities)
        found[text] = Asked(text, reading.intent.label, entities, reading.vector)
    return found
