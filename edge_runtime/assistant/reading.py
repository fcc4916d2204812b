"""What the small model reads out of a text, in one forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import Candidate, Context, Entity
from edge_runtime.routing.confidence import confidence
from edge_runtime.tasks.classification import Classification, classify
from edge_runtime.tasks.encoder import Encoder, Encoding
from edge_runtime.tasks.tagging import tag


@dataclass(frozen=True)
class Reading:
    """Intent and confidence; slots, sentiment and entities if the bundle has the heads.

    ``confidence`` is the probability that the intent is a right and sufficient answer: for a text
    that is out of scope, that this is a mistake; for one that needs the large model, 0.
    """

    intent: Classification
    confidence: float
    head: Head
    calibration: Calibration | None
    sentiment: Candidate | None
    entities: list[Entity]
    slots: list[Entity] | None = None

    def result(self) -> dict[str, Any]:
        """Return the ``result`` of a local answer."""
        result: dict[str, Any] = {
            "intent": self.intent.label,
            "candidates": msgspec.to_builtins(self.intent.candidates),
            "entities": msgspec.to_builtins(self.entities),
        }
        if self.slots is not None:
            result["slots"] = msgspec.to_builtins(self.slots)
        if self.sentiment is not None:
            result["sentiment"] = self.sentiment.label
        return result

    def context(self, entities: list[Entity]) -> Context:
        """Return what goes to the large model with the text; ``entities`` are redacted."""
        return Context(self.intent.candidates, self.sentiment, entities)


def read(encoder: Encoder, text: str) -> Reading:
    """Run the encoder once and read every head."""
    manifest = encoder.bundle.manifest
    encoding = encoder.encode([text])[0]
    head = manifest.heads["intent"]
    logits = encoding.mean("intent")
    calibration = manifest.calibration.get("intent")
    intent = classify("intent", head, logits)
    sure = confidence(logits, head, calibration)
    if intent.label == head.out_of_scope:
        sure = 1.0 - sure
    elif intent.label in head.needs_large_model:
        sure = 0.0
    return Reading(
        intent=intent,
        confidence=sure,
        head=head,
        calibration=calibration,
        sentiment=_sentiment(manifest.heads.get("sentiment"), encoding),
        entities=_entities(manifest.heads.get("entities"), encoding),
        slots=_slots(manifest.heads.get("slots"), encoding),
    )


def _sentiment(head: Head | None, encoding: Encoding) -> Candidate | None:
    if head is None:
        return None
    return classify("sentiment", head, encoding.mean("sentiment")).candidates[0]


def _entities(head: Head | None, encoding: Encoding) -> list[Entity]:
    return [] if head is None else tag("entities", head, encoding)


def _slots(head: Head | None, encoding: Encoding) -> list[Entity] | None:
    return None if head is None else tag("slots", head, encoding)
