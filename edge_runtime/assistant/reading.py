"""What the small model reads out of a text, in one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edge_runtime.assistant.commands.intents import is_home_intent
from edge_runtime.assistant.commands.names import Home
from edge_runtime.bundles.manifest import Calibration, Head, Manifest
from edge_runtime.messages import Candidate, Context, Entity
from edge_runtime.routing.confidence import (
    confidence,
    confidence_in,
    features,
    probability_of,
    sure_entities,
)
from edge_runtime.tasks.classification import Classification, classify
from edge_runtime.tasks.embedding import text_vector
from edge_runtime.tasks.encoder import Encoder, Encoding, Floats
from edge_runtime.tasks.tagging import tag

if TYPE_CHECKING:
    from edge_runtime.assistant.commands.command import Command

_EMBEDDING = "embedding"
_DIFFICULTY = "difficulty"
_LIKELY = 0.5
_SURE = 0.9  # confidence from which on a command counts where no threshold passed calibration


@dataclass(frozen=True)
class Reading:
    """Intent and confidence; slots, sentiment, entities and personal data if there are heads.

    ``confidence`` is the probability that the intent is a right and sufficient answer: for a text
    that is out of scope, that this is a mistake; for one that needs the large model, 0. ``target``
    is what a home command is aimed at; ``command`` the label of that head, None where not sure.
    ``scope`` is the feature ``scope_score`` of the calibration, None without one. ``home_intent``
    is the home intent that says the same as ``intent``, where that is another label. ``difficulty``
    of a text that takes free text to answer is the probability that a small model would answer it
    wrongly. ``encoding`` is what all of it was read from.
    """

    intent: Classification
    confidence: float
    head: Head
    calibration: Calibration | None
    sentiment: Candidate | None
    entities: list[Entity]
    personal: list[Entity]
    slots: list[Entity] | None = None
    target: Candidate | None = None
    command: str | None = None
    scope: float | None = None
    home_intent: str | None = None
    difficulty: float | None = None
    encoding: Encoding | None = None

    @property
    def vector(self) -> Floats | None:
        """The embedding of the text ``[hidden]``, of length 1; None without such a head."""
        if self.encoding is None or _EMBEDDING not in self.encoding.outputs:
            return None
        return text_vector(_EMBEDDING, self.encoding)

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

    def instruction(
        self, text: str, context: Mapping[str, str], home: Home | None, *, sure: bool
    ) -> Command | None:
        """Return the command that the text gives, None if it gives none that is complete.

        ``context`` may hold the ``area`` of the listening device; ``sure`` is whether the intent
        stands: a home command is sure only if each of its slots is more likely than not, too.
        """
        intent, slots = self.home_intent or self.intent.label, self.slots or []
        if self.command is None and not is_home_intent(intent):
            return None
        # their tables take milliseconds, which a text without a command need not wait for
        from edge_runtime.assistant.commands.command import (  # noqa: PLC0415
            assistant_instruction,
            home_instruction,
        )
        from edge_runtime.assistant.commands.home import home_command  # noqa: PLC0415

        if is_home_intent(intent):
            target = self.target or Candidate("none", 1.0)
            found = home_command(text, intent, slots, target.label, context, home)
            likely = all(score > _LIKELY for score in (target.score, *(s.score for s in slots)))
            return home_instruction(text, intent, found, sure=sure and likely)
        return None if self.command is None else assistant_instruction(self.command, slots)

    def context(self, entities: list[Entity], confidence: float) -> Context:
        """Return what goes to the large model with the text; ``entities`` are redacted."""
        guess = Candidate(self.intent.label, confidence)
        return Context(self.intent.candidates, self.sentiment, entities, guess)


def read(encoder: Encoder, text: str) -> Reading:
    """Run the encoder once and read every head."""
    manifest = encoder.bundle.manifest
    encoding = encoder.encode([text])[0]
    head = manifest.heads["intent"]
    logits = encoding.mean("intent")
    calibration = manifest.calibration.get("intent")
    intent = classify("intent", head, logits)
    found = features(logits, head)
    sure = confidence_in(found, calibration)
    is_free = intent.label == head.out_of_scope or intent.label in head.needs_large_model
    if intent.label == head.out_of_scope:
        sure = 1.0 - sure
    elif is_free:
        sure = 0.0
    return Reading(
        intent=intent,
        confidence=sure,
        head=head,
        calibration=calibration,
        sentiment=_sentiment(manifest.heads.get("sentiment"), encoding),
        entities=_tagged("entities", manifest, encoding) or [],
        personal=_tagged("pii", manifest, encoding) or [],
        slots=_tagged("slots", manifest, encoding),
        target=_target(manifest.heads.get("target"), encoding),
        command=_command(manifest, encoding),
        scope=_scope(found, calibration),
        home_intent=_home_intent(logits, head, intent.label),
        difficulty=difficulty(manifest, encoding) if is_free else None,
        encoding=encoding,
    )


def _home_intent(logits: Floats, head: Head, label: str) -> str | None:
    """Return the likeliest of the home intents that say the same as a label."""
    finer = [name for name in head.same.get(label, []) if is_home_intent(name)]
    return max(finer, key=lambda name: logits[head.labels.index(name)], default=None)


def _scope(found: Mapping[str, np.ndarray], calibration: Calibration | None) -> float | None:
    if calibration is None or calibration.scope_score is None:
        return None
    return float(found[calibration.scope_score])


def _sentiment(head: Head | None, encoding: Encoding) -> Candidate | None:
    if head is None:
        return None
    return classify("sentiment", head, encoding.mean("sentiment")).candidates[0]


def _tagged(name: str, manifest: Manifest, encoding: Encoding) -> list[Entity] | None:
    head = manifest.heads.get(name)
    if head is None:
        return None
    return sure_entities(tag(name, head, encoding), manifest.calibration.get(name))


def _target(head: Head | None, encoding: Encoding) -> Candidate | None:
    if head is None:
        return None
    return classify("target", head, encoding.mean("target")).candidates[0]


def difficulty(manifest: Manifest, encoding: Encoding) -> float | None:
    """Return the probability that a small model would answer wrongly; None without such a head.

    By the calibrated softmax, of the labels that need the large model.
    """
    head = manifest.heads.get(_DIFFICULTY)
    if head is None:
        return None
    calibration = manifest.calibration.get(_DIFFICULTY)
    temperature = 1.0 if calibration is None else calibration.temperature or 1.0
    logits = encoding.mean(_DIFFICULTY)
    return round(probability_of(head.needs_large_model, logits, head, temperature), 4)


def _command(manifest: Manifest, encoding: Encoding) -> str | None:
    head = manifest.heads.get("command")
    if head is None:
        return None
    logits = encoding.mean("command")
    calibration = manifest.calibration.get("command")
    threshold = _SURE
    if calibration is not None and calibration.threshold is not None:
        threshold = calibration.threshold
    label = classify("command", head, logits).label
    sure = confidence(logits, head, calibration) >= threshold and label != head.out_of_scope
    return label if sure else None
