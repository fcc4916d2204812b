"""How much the outputs of two forms of a model differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Head
from edge_runtime.errors import BundleError

Floats = npt.NDArray[np.floating]


class Parity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Differences between a reference's outputs and others, over all samples.

    ``max_abs``: largest difference; ``max_rel``: that over the largest value of the reference;
    ``relative``: mean over rows of |difference| / |reference| (2-norms); ``cosine`` and
    ``mean_cosine``: lowest and mean over samples. ``agreement``: share of samples, or of tokens,
    with the same best label; ``kl``: mean Kullback-Leibler divergence in nats of the next-token
    distribution. Both are None where there are no labels, or no next token.
    """

    max_abs: float
    max_rel: float
    relative: float
    cosine: float
    mean_cosine: float
    agreement: float | None = None
    kl: float | None = None


def compare(
    reference: Sequence[Floats], other: Sequence[Floats], head: Head | None = None
) -> Parity:
    """Compare outputs sample by sample, each ``[..., logits or hidden]``.

    ``head`` says what the values mean; without one they are logits of the next token.

    Raises:
        BundleError: an output is not finite.
    """
    found = [_Pair.of(a, b, head) for a, b in zip(reference, other, strict=True)]
    max_abs = max(pair.max_abs for pair in found)
    cosines = [pair.cosine for pair in found]
    same = np.concatenate([pair.same for pair in found])
    return Parity(
        max_abs=max_abs,
        max_rel=max_abs / (max(pair.largest for pair in found) or 1.0),
        relative=float(np.concatenate([pair.errors for pair in found]).mean()),
        cosine=min(cosines),
        mean_cosine=float(np.mean(cosines)),
        agreement=float(same.mean()) if len(same) else None,
        kl=float(np.concatenate([pair.divergence for pair in found]).mean())
        if head is None
        else None,
    )


@dataclass(frozen=True)
class _Pair:
    """One sample's differences; ``same`` is empty without labels, ``divergence`` with a head."""

    max_abs: float
    largest: float
    cosine: float
    errors: Floats
    same: npt.NDArray[np.bool_]
    divergence: Floats

    @classmethod
    def of(cls, reference: Floats, other: Floats, head: Head | None) -> _Pair:
        if not (np.isfinite(reference).all() and np.isfinite(other).all()):
            raise BundleError(
                "the model's output is not finite (NaN or infinity): check its weights"
            )
        a, b = np.asarray(reference, dtype=np.float64), np.asarray(other, dtype=np.float64)
        return cls(
            max_abs=float(np.abs(a - b).max()),
            largest=float(np.abs(a).max()),
            cosine=_cosine(a, b),
            errors=_relative(a, b),
            same=_same(a, b, head),
            divergence=_divergence(a, b) if head is None else np.zeros(0),
        )


def log_softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Return log-probabilities over the last axis."""
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _same(a: Floats, b: Floats, head: Head | None) -> npt.NDArray[np.bool_]:
    if head is not None and head.type == "embedding":
        return np.zeros(0, dtype=bool)
    if head is not None and head.type == "span":
        return np.array([(a.argmax(0) == b.argmax(0)).all()])
    if head is not None and head.multi_label:
        return np.atleast_1d(((a > 0) == (b > 0)).all(-1))
    return np.atleast_1d(a.argmax(-1) == b.argmax(-1))


def _relative(a: Floats, b: Floats) -> Floats:
    length = np.linalg.norm(a, axis=-1)
    return np.atleast_1d(np.linalg.norm(a - b, axis=-1) / np.maximum(length, 1e-12))


def _divergence(a: Floats, b: Floats) -> Floats:
    left, right = log_softmax(a), log_softmax(b)
    return np.asarray((np.exp(left) * (left - right)).sum(axis=-1))


def _cosine(a: Floats, b: Floats) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / length) if length else 1.0
