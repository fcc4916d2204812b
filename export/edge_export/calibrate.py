"""Calibration of a head on labelled data that the model was not trained on."""

from __future__ import annotations

import numpy as np

from edge_export.train.evaluation import Judged
from edge_runtime.bundles.manifest import Calibration
from edge_runtime.routing.calibration import auroc, fit_logistic, learn_threshold
from edge_runtime.routing.confidence import FEATURES, calibrated, features


def fit_calibration(
    judged: Judged, *, alpha: float, delta: float, evaluation: str, seed: int = 13
) -> Calibration:
    """Return confidence and threshold of a head, from the logits of the model that is shipped.

    A random half fits the logistic model and chooses the grid, the other half tests. Answers that
    are never given on the device (out of scope, or in need of the large model) count as refused.
    """
    head = judged.head
    found = features(judged.logits, head)
    # a head without an out-of-scope label has a constant "scope", which carries nothing
    names = [name for name in FEATURES if float(np.ptp(found[name])) > 0]
    inputs = np.column_stack([found[name] for name in names])
    order = np.random.default_rng(seed).permutation(len(inputs))
    given = _given(judged)[order]
    half = len(order) // 2
    fitted, held_out = order[:half][given[:half]], order[half:][given[half:]]
    weights, bias = fit_logistic(inputs[fitted], judged.correct[fitted])
    confidence = calibrated(found, names, list(weights), bias)
    threshold = learn_threshold(
        (confidence[fitted], judged.correct[fitted]),
        (confidence[held_out], judged.correct[held_out]),
        alpha=alpha,
        delta=delta,
    )
    return Calibration(
        features=names,
        weights=[round(float(weight), 6) for weight in weights],
        bias=round(bias, 6),
        alpha=alpha,
        delta=delta,
        n=threshold.n,
        threshold=threshold.value,
        coverage=round(threshold.coverage * float(given[half:].mean()), 4),
        auroc=round(auroc(confidence[held_out], judged.correct[held_out]), 4),
        evaluation=evaluation,
    )


def _given(judged: Judged) -> np.ndarray:
    head = judged.head
    refused = {*head.needs_large_model, head.out_of_scope}
    never = [i for i, label in enumerate(head.labels) if label in refused]
    return ~np.isin(judged.logits.argmax(axis=1), never)
