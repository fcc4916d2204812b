"""Confidence: the probability that the small model's own answer is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import Entity, Guarantee

FEATURES = ("energy", "scope", "margin", "log_odds", "log_prob")
WRITTEN = "written"  # the calibration of a bundle that makes text; others are named as heads
PROBE = "probe"  # the feature that the calibration's own probe makes
SCOPE_SCORE = "energy"  # tells best what is out of scope: benchmarks/results/decision
Floats = npt.NDArray[np.float64]

_LEAST = 1e-4  # a probability is never taken to be surer than this


def features(logits: npt.NDArray[np.floating], head: Head) -> dict[str, Floats]:
    """Return what the logits ``[..., labels]`` say about their own reliability.

    ``energy``: log-sum-exp over the labels in scope (Liu et al. 2020); ``scope``: energy minus the
    out-of-scope logit; ``margin``: best minus second-best logit; ``log_prob``: log-softmax of the
    best label; ``log_odds``: the same probability as log-odds, on which a logistic model needs
    little more than a slope. Labels that say the same as the best one count with it in these three.
    All labels are in scope for a head without an out-of-scope label.
    """
    values = np.asarray(logits, dtype=np.float64)
    inside = values
    scope = np.zeros(values.shape[:-1])
    if head.out_of_scope is not None:
        outside = head.labels.index(head.out_of_scope)
        inside = np.delete(values, outside, axis=-1)
        scope = _log_sum_exp(inside) - values[..., outside]
    best = values.max(axis=-1)
    alike = alike_labels(head)[values.argmax(axis=-1)]
    others = np.where(alike, -np.inf, values)
    others = np.where(alike.all(axis=-1, keepdims=True), 0.0, others)
    together = _log_sum_exp(np.where(alike, values, -np.inf))
    return {
        "energy": _log_sum_exp(inside),
        "scope": scope,
        "margin": best - others.max(axis=-1),
        "log_odds": together - _log_sum_exp(others),
        "log_prob": together - _log_sum_exp(values),
    }


def alike_labels(head: Head) -> npt.NDArray[np.bool_]:
    """Return ``[labels, labels]``: which labels are as right as which, each as itself."""
    return _alike(tuple(head.labels), tuple((a, tuple(b)) for a, b in head.same.items()))


@lru_cache(maxsize=8)
def _alike(
    labels: tuple[str, ...], same: tuple[tuple[str, tuple[str, ...]], ...]
) -> npt.NDArray[np.bool_]:
    index = {label: i for i, label in enumerate(labels)}
    alike = np.eye(len(labels), dtype=bool)
    for label, finer in same:
        for other in finer:
            alike[index[label], index[other]] = alike[index[other], index[label]] = True
    return alike


def confidence(
    logits: npt.NDArray[np.floating], head: Head, calibration: Calibration | None
) -> float:
    """Return the calibrated probability that the best label is right.

    Without calibration it is the plain softmax probability, which is usually too high.
    """
    return confidence_in(features(logits, head), calibration)


def confidence_in(found: dict[str, Floats], calibration: Calibration | None) -> float:
    """Return the same for ``features`` that are known already."""
    if calibration is None:
        return float(math.exp(float(found["log_prob"])))
    return float(calibrated(found, calibration.features, calibration.weights, calibration.bias))


def guarantee_of(sure: float, calibration: Calibration | None) -> Guarantee | None:
    """Return what is promised of an answer with this confidence, None where nothing is.

    Labels that the calibration counts as refused (out of scope, in need of the large model) are no
    answers in its sense.
    """
    threshold = None if calibration is None else calibration.threshold
    if calibration is None or threshold is None or sure < threshold:
        return None
    return Guarantee(calibration.alpha, calibration.delta, calibration.n)


def probability_of(
    labels: Sequence[str], logits: npt.NDArray[np.floating], head: Head, temperature: float
) -> float:
    """Return the probability that one of these labels is right: softmax of ``logits / T``."""
    values = np.asarray(logits, dtype=np.float64) / temperature
    weights = np.exp(values - values.max())
    chosen = [head.labels.index(label) for label in labels]
    return float(weights[chosen].sum() / weights.sum())


def sure_entities(entities: Sequence[Entity], calibration: Calibration | None) -> list[Entity]:
    """Return the entities with the probability that their span and label are right as score."""
    if calibration is None or not entities:
        return list(entities)
    found = score_features(np.array([entity.score for entity in entities]))
    scores = calibrated(found, calibration.features, calibration.weights, calibration.bias)
    return [
        msgspec.structs.replace(entity, score=round(float(score), 4))
        for entity, score in zip(entities, scores, strict=True)
    ]


def score_features(scores: Floats) -> dict[str, Floats]:
    """Return what the mean probability of a span's words ``[spans]`` says.

    The logarithms of it and of one minus it, and their difference, the log-odds: with a weight for
    each a logistic model bends where one slope does not fit (beta calibration, Kull et al. 2017).
    """
    inside = np.clip(scores, _LEAST, 1 - _LEAST)
    log_score, log_rest = np.log(inside), np.log(1 - inside)
    return {
        "log_score": np.asarray(log_score),
        "log_rest": np.asarray(log_rest),
        "log_odds": np.asarray(log_score - log_rest),
    }


def written_features(
    mean_margin: Floats, least_margin: Floats, tokens: Floats, probe: Floats | None = None
) -> dict[str, Floats]:
    """Return what the margins of written texts ``[texts]`` say, in logits, and their length.

    Long texts have a small least margin by chance, so that the length belongs to it. ``probe`` are
    the log-odds that a bundle's probe read before each text, where it has one.
    """
    found = {
        "log_tokens": np.log(np.maximum(tokens, 1.0)),
        "least_margin": np.asarray(least_margin, dtype=np.float64),
        "mean_margin": np.asarray(mean_margin, dtype=np.float64),
    }
    if probe is not None:
        found[PROBE] = np.asarray(probe, dtype=np.float64)
    return found


def calibrated(
    found: dict[str, Floats], names: Sequence[str], weights: Sequence[float], bias: float
) -> Floats:
    """Return the logistic model's probability for named features."""
    score = bias + sum(w * found[name] for name, w in zip(names, weights, strict=True))
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * score)))


def _log_sum_exp(values: Floats) -> Floats:
    top = values.max(axis=-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))
