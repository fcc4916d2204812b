"""What may tell a right answer from a wrong one, and how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_export.evaluation.written import Written
from edge_runtime.routing.calibration import Booleans, Floats, auroc, fit_logistic
from edge_runtime.routing.confidence import calibrated
from edge_runtime.tasks.generation import TextGenerator

_FOLDS = 5
_DRAWS = 1000
_SEED = 13


@dataclass(frozen=True)
class Ranked:
    """AUROC with the interval of 95 % that the choice of questions allows."""

    auroc: float
    low: float
    high: float


def entropy(generator: TextGenerator, written: Written) -> Floats:
    """Return the mean entropy ``[questions]`` of the tokens, in nats; low where it is sure."""
    means = []
    for prompt, said in zip(written.prompts, written.answers, strict=True):
        ids = [*prompt, *generator.tokenizer.ids(said.text)]
        logits = generator.logits(ids)[len(prompt) - 1 : -1].astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=-1, keepdims=True)
        means.append(float(-(p * np.log(np.maximum(p, 1e-30))).sum(axis=-1).mean()))
    return np.array(means)


def crossed(found: Mapping[str, Floats], right: Booleans) -> Floats:
    """Return the confidence ``[questions]``, each by a model that was fitted on other ones."""
    names = list(found)
    inputs = np.column_stack([found[name] for name in names])
    parts = np.random.default_rng(_SEED).permutation(len(right)) % _FOLDS
    sure = np.zeros(len(right))
    for part in range(_FOLDS):
        fit, rest = parts != part, parts == part
        weights, bias = fit_logistic(inputs[fit], right[fit])
        held_out = {name: found[name][rest] for name in names}
        sure[rest] = calibrated(held_out, names, [float(w) for w in weights], bias)
    return sure


def ranked(signal: Floats, right: Booleans) -> Ranked | None:
    """Return how well a signal ranks; None where all answers are right, or all wrong."""
    if right.all() or not right.any():
        return None
    rng = np.random.default_rng(_SEED)
    draws = []
    for _ in range(_DRAWS):
        chosen = rng.integers(len(right), size=len(right))
        if right[chosen].any() and not right[chosen].all():
            draws.append(auroc(signal[chosen], right[chosen]))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Ranked(auroc(signal, right), float(low), float(high))
