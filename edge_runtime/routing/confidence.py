"""Confidence: the probability that a classification head's own answer is right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Calibration, Head

FEATURES = ("energy", "scope", "margin", "log_prob")
Floats = npt.NDArray[np.float64]


def features(logits: npt.NDArray[np.floating], head: Head) -> dict[str, Floats]:
    """Return what the logits ``[..., labels]`` say about their own reliability.

    ``energy``: log-sum-exp over the labels in scope (Liu et al. 2020); ``scope``: energy minus the
    out-of-scope logit; ``margin``: best minus second-best logit; ``log_prob``: log-softmax of the
    best label. All labels are in scope for a head without an out-of-scope label.
    """
    values = np.asarray(logits, dtype=np.float64)
    inside = values
    scope = np.zeros(values.shape[:-1])
    if head.out_of_scope is not None:
        outside = head.labels.index(head.out_of_scope)
        inside = np.delete(values, outside, axis=-1)
        scope = _log_sum_exp(inside) - values[..., outside]
    ordered = np.sort(values, axis=-1)
    second = ordered[..., -2] if values.shape[-1] > 1 else np.zeros_like(ordered[..., -1])
    return {
        "energy": _log_sum_exp(inside),
        "scope": scope,
        "margin": ordered[..., -1] - second,
        "log_prob": ordered[..., -1] - _log_sum_exp(values),
    }


def confidence(
    logits: npt.NDArray[np.floating], head: Head, calibration: Calibration | None
) -> float:
    """Return the calibrated probability that the best label is right.

    Without calibration it is the plain softmax probability, which is usually too high.
    """
    found = features(logits, head)
    if calibration is None:
        return float(math.exp(float(found["log_prob"])))
    return float(calibrated(found, calibration.features, calibration.weights, calibration.bias))


def calibrated(
    found: dict[str, Floats], names: Sequence[str], weights: Sequence[float], bias: float
) -> Floats:
    """Return the logistic model's probability for named features."""
    score = bias + sum(w * found[name] for name, w in zip(names, weights, strict=True))
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * score)))


def _log_sum_exp(values: Floats) -> Floats:
    top = values.max(axis=-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))
