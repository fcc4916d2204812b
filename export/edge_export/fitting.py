"""Confidence and threshold from what a model said about labelled samples; pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_export.logistic import fit_confidence
from edge_export.train.evaluation import Judged
from edge_runtime.bundles.manifest import Calibration
from edge_runtime.routing.calibration import (
    Booleans,
    Floats,
    Threshold,
    auroc,
    binomial_tail,
    fewest_samples,
    fit_temperature,
    learn_threshold,
)
from edge_runtime.routing.confidence import (
    SCOPE_SCORE,
    calibrated,
    features,
    score_features,
)
from edge_runtime.routing.drift import SHARES

Integers = npt.NDArray[np.int_]

# a handful of weights needs few samples, and the more are tested, the looser the threshold may be:
# of 20, 30, 40 and 50 % this answers most
_FITTED = 0.3
_EDGE_DELTA = 0.01  # that an edge of the drift alarm lies too high

# weight and bias of the logistic model over log_prob: 0.95 where the softmax is sure, 0.5 where it
# says 0.75, and little below that
_WITHOUT_MISTAKES = (10.0, 2.9)


def fit_tags(
    scores: Floats, right: Booleans, *, alpha: float, delta: float, evaluation: str, seed: int = 13
) -> Calibration | None:
    """Return confidence and threshold of a tagging head, from the spans ``[spans]`` it found.

    The threshold is None where they are too few or too often wrong to show any; the whole is None
    where it found nothing.
    """
    if not len(scores):
        return None
    every = np.ones(len(right), dtype=bool)
    found = score_features(scores)
    fit = fit_threshold(found, right, every, alpha=alpha, delta=delta, seed=seed)
    held_out, threshold = fit.tested, fit.threshold
    mixed = right[held_out].any() and not right[held_out].all()
    return Calibration(
        features=fit.features,
        weights=fit.weights,
        bias=fit.bias,
        alpha=alpha,
        delta=delta,
        n=threshold.n,
        threshold=threshold.value,
        coverage=round(threshold.accepted / max(len(held_out), 1), 4),
        auroc=round(auroc(scores[held_out], right[held_out]), 4) if mixed else None,
        evaluation=evaluation,
        accepted=threshold.accepted,
        errors=threshold.errors,
    )


@dataclass(frozen=True)
class Fit:
    """A logistic model over features of the logits, and the threshold that was shown to hold.

    ``fitted`` and ``tested`` are the two parts of the samples.
    """

    features: list[str]
    weights: list[float]
    bias: float
    threshold: Threshold
    fitted: Integers
    tested: Integers

    def confidence(self, found: dict[str, Floats]) -> Floats:
        """Return the confidence ``[samples]`` for features of the logits."""
        return calibrated(found, self.features, self.weights, self.bias)


def fit_calibration(
    judged: Judged, *, alpha: float, delta: float, evaluation: str, seed: int = 13
) -> Calibration:
    """Return confidence and threshold of a head, from the logits of the model that is shipped.

    A random part fits the logistic model and the temperature and chooses the grid, the rest tests.
    Answers that are never given on the device (out of scope, or in need of the large model) count
    as refused.
    """
    found = features(judged.logits, judged.head)
    fit = fit_threshold(found, judged.correct, judged.given, alpha=alpha, delta=delta, seed=seed)
    held_out = fit.tested[judged.given[fit.tested]]
    right = judged.correct[held_out]
    mixed = right.any() and not right.all()
    threshold = fit.threshold
    return Calibration(
        features=fit.features,
        weights=fit.weights,
        bias=fit.bias,
        alpha=alpha,
        delta=delta,
        n=threshold.n,
        threshold=threshold.value,
        coverage=round(threshold.accepted / max(len(fit.tested), 1), 4),
        auroc=round(auroc(fit.confidence(found)[held_out], right), 4) if mixed else None,
        evaluation=evaluation,
        accepted=threshold.accepted,
        errors=threshold.errors,
        temperature=_temperature(judged, fit.fitted),
        scope_score=SCOPE_SCORE if judged.head.out_of_scope else None,
        scope_quantiles=drift_edges(found[SCOPE_SCORE]) if judged.head.out_of_scope else [],
    )


def fit_threshold(
    found: dict[str, Floats],
    correct: Booleans,
    given: Booleans,
    *,
    alpha: float,
    delta: float,
    seed: int,
) -> Fit:
    """Fit on a random part, test on the rest: all ``[samples]``; ``given`` are not refused.

    The confidence is fitted on refused answers as well: whoever asks for a label only gets them.
    """
    order = np.random.default_rng(seed).permutation(len(correct))
    first, second = np.split(order, [_size(len(order), fewest_samples(alpha, delta))])
    fitted, held_out = first[given[first]], second[given[second]]
    names, weights, bias = _fit(found, correct, first if len(fitted) else fitted)
    confidence = calibrated(found, names, weights, bias)
    threshold = learn_threshold(
        (confidence[fitted], correct[fitted]),
        (confidence[held_out], correct[held_out]),
        alpha=alpha,
        delta=delta,
    )
    return Fit(names, weights, bias, threshold, first, second)


def _size(samples: int, fewest: int) -> int:
    """Return how many samples fit: a fixed share, ``fewest`` at least, but no more than half."""
    return min(max(round(_FITTED * samples), fewest), samples // 2)


def _fit(
    found: dict[str, Floats], correct: Booleans, fitted: Integers
) -> tuple[list[str], list[float], float]:
    """Return the features that carry something, their weights and the bias."""
    right = correct[fitted]
    if list(found)[-1] == "log_prob" and len(right) and right.all():
        # nothing here says what a mistake looks like, so that any confidence would fit; this one
        # falls with the probability of the best label, and the threshold is tested all the same
        weight, bias = _WITHOUT_MISTAKES
        return ["log_prob"], [weight], bias
    # a head without an out-of-scope label has a constant "scope"
    return fit_confidence({name: values[fitted] for name, values in found.items()}, right)


def drift_edges(score: Floats) -> list[float]:
    """Return the edges of the drift alarm: below each lies no more than its share of such texts.

    So it is with certainty ``1 - _EDGE_DELTA`` for all of them together, whatever the sample was;
    with the plain quantiles of a few hundred texts the alarm would ring for texts like these. The
    lowest are left out where the texts are too few to show it.
    """
    ordered = np.sort(score)
    places = [_place(len(score), share, _EDGE_DELTA / len(SHARES)) for share in SHARES]
    return [float(ordered[place]) for place in places if place >= 0]


def _place(n: int, share: float, delta: float) -> int:
    """Return the highest place among ``n`` ordered scores that has ``share`` below it at most.

    -1 where not even the lowest score is shown to have so little below it.
    """
    return bisect_right(range(n), delta, key=lambda k: binomial_tail(k, n, share)) - 1


def _temperature(judged: Judged, fitted: Integers) -> float | None:
    """Return the temperature, None where none is the likeliest: no text there is wrong."""
    known = fitted[judged.truth[fitted] >= 0]
    if judged.correct[known].all():
        return None
    return round(fit_temperature(judged.logits[known], judged.truth[known]), 4)
