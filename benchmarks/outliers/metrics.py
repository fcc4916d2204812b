"""How far logits are from their reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Accuracy:
    """Means over the positions of all sequences.

    ``relative_error`` is that of ``||l - r|| / ||r||``; ``kl`` the Kullback-Leibler divergence of
    the next-token distribution from the reference's, in nats; ``top1_agreement`` the share of
    positions with the same best token.
    """

    relative_error: float
    top1_agreement: float
    kl: float
    positions: int


def compare(logits: Floats, reference: Floats) -> Accuracy:
    """Compare logits ``[sequences, length, vocabulary]`` with their reference.

    Raises:
        ValueError: the shapes differ, or a value is not finite.
    """
    if logits.shape != reference.shape:
        raise ValueError(f"logits {logits.shape} against a reference {reference.shape}")
    sums = np.zeros(3)
    for ours, theirs in zip(logits, reference, strict=True):
        sums += _sequence(ours.astype(np.float64), theirs.astype(np.float64))
    if not np.isfinite(sums).all():
        raise ValueError("a logit is not finite")
    positions = logits.shape[0] * logits.shape[1]
    error, same, kl = (float(value) for value in sums / positions)
    return Accuracy(relative_error=error, top1_agreement=same, kl=kl, positions=positions)


def _sequence(logits: Floats, reference: Floats) -> npt.NDArray[np.float64]:
    """Sums of the three measures over the positions of one sequence."""
    distance = np.linalg.norm(logits - reference, axis=-1)
    errors = distance / np.linalg.norm(reference, axis=-1)
    same = logits.argmax(-1) == reference.argmax(-1)
    expected = _log_softmax(reference)
    divergence = (np.exp(expected) * (expected - _log_softmax(logits))).sum(-1)
    return np.array([errors.sum(), same.sum(), divergence.sum()])


def _log_softmax(logits: Floats) -> Floats:
    shifted: Floats = logits - logits.max(-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
    return shifted
