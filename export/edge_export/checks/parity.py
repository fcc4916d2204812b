"""How much the outputs of two forms of a model differ."""

from __future__ import annotations

from collections.abc import Sequence

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
    if not all(np.isfinite(array).all() for array in (*reference, *other)):
        raise BundleError("the model's output is not finite (NaN or infinity): check its weights")
    pairs = [
        (np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
        for a, b in zip(reference, other, strict=True)
    ]
    max_abs = max(float(np.abs(a - b).max()) for a, b in pairs)
    cosines = [_cosine(a, b) for a, b in pairs]
    errors = np.concatenate([_relative(a, b) for a, b in pairs])
    return Parity(
        max_abs=max_abs,
        max_rel=max_abs / (max(float(np.abs(a).max()) for a, _ in pairs) or 1.0),
        relative=float(errors.mean()),
        cosine=min(cosines),
        mean_cosine=float(np.mean(cosines)),
        agreement=_agreement(head, pairs),
        kl=float(np.concatenate([_divergence(a, b) for a, b in pairs]).mean())
        if head is None
        else None,
    )


def log_softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Return log-probabilities over the last axis."""
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _agreement(head: Head | None, pairs: Sequence[tuple[Floats, Floats]]) -> float | None:
    if head is not None and head.type == "embedding":
        return None
    if head is not None and head.type == "span":
        same = [(a.argmax(0) == b.argmax(0)).all(keepdims=True).ravel() for a, b in pairs]
    elif head is not None and head.multi_label:
        same = [((a > 0) == (b > 0)).all(-1).ravel() for a, b in pairs]
    else:
        same = [(a.argmax(-1) == b.argmax(-1)).ravel() for a, b in pairs]
    return float(np.concatenate(same).mean())


def _relative(a: Floats, b: Floats) -> Floats:
    length = np.linalg.norm(a, axis=-1)
    return np.atleast_1d(np.linalg.norm(a - b, axis=-1) / np.maximum(length, 1e-12))


def _divergence(a: Floats, b: Floats) -> Floats:
    left, right = log_softmax(a), log_softmax(b)
    return np.asarray((np.exp(left) * (left - right)).sum(axis=-1))


def _cosine(a: Floats, b: Floats) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / length) if length else 1.0
