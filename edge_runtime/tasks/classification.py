"""Text classification: logits to labels with probabilities."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime.bundles.manifest import Head
from edge_runtime.messages import Candidate
from edge_runtime.tasks.encoder import Floats

_CANDIDATES = 3


class Classification(msgspec.Struct, frozen=True):
    """The best label of a head, and the runners-up with it, best first.

    For a multi-label head ``candidates`` holds every label with a probability of at least 0.5.
    """

    head: str
    label: str
    score: float
    candidates: list[Candidate]


def classify(name: str, head: Head, logits: Floats) -> Classification:
    """Return the classification for logits ``[labels]``."""
    scores = sigmoid(logits) if head.multi_label else softmax(logits)
    order = np.argsort(-scores, kind="stable")
    ranked = [Candidate(head.labels[i], round(float(scores[i]), 4)) for i in order]
    best = ranked[0]
    if head.multi_label:
        kept = [candidate for candidate in ranked if candidate.score >= 0.5]  # noqa: PLR2004
    else:
        kept = ranked[:_CANDIDATES]
    return Classification(name, best.label, best.score, kept)


def softmax(logits: Floats) -> Floats:
    """Return probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: Floats) -> Floats:
    """Return independent probabilities."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)
