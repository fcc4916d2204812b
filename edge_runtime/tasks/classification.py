"""Text classification: logits to labels with probabilities."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime.bundles.manifest import Head
from edge_runtime.messages import Candidate
from edge_runtime.tasks.encoder import Encoding, Floats

_CANDIDATES = 3
_HOLDS = 0.5  # probability from which on a label of several holds


class Classification(msgspec.Struct, frozen=True):
    """The best label of a head, and the runners-up with it, best first.

    For a multi-label head ``candidates`` holds every label with a probability of at least 0.5,
    which may be none.
    """

    head: str
    label: str
    score: float
    candidates: list[Candidate]


def text_logits(name: str, head: Head, encoding: Encoding) -> Floats:
    """Return the logits ``[labels]`` of a text of any length.

    They are the mean over its windows; where several labels can hold, one holds for the text if it
    does for a part, so each has its highest.
    """
    return encoding.highest(name) if head.multi_label else encoding.mean(name)


def classify(name: str, head: Head, logits: Floats) -> Classification:
    """Return the classification for logits ``[labels]``."""
    if head.multi_label:
        scores = sigmoid(logits)
        most = max(1, int((scores >= _HOLDS).sum()))
    else:
        scores, most = softmax(logits), _CANDIDATES
    ranked = [
        Candidate(head.labels[i], round(float(scores[i]), 4))
        for i in np.argsort(-scores, kind="stable")[:most]
    ]
    best = ranked[0]
    if head.multi_label and scores.max() < _HOLDS:
        ranked = []
    return Classification(name, best.label, best.score, ranked)


def certainty(logits: Floats) -> float:
    """Return the probability that the least certain label of a multi-label head is as it says."""
    scores = sigmoid(logits)
    return float(np.maximum(scores, 1.0 - scores).min())


def softmax(logits: Floats) -> Floats:
    """Return probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: Floats) -> Floats:
    """Return independent probabilities."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)
