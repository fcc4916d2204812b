"""Whether confidences are probabilities: calibration error by method, never on what was fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from benchmarks.assistant.sets import DataSet
from edge_export.evaluation.metrics import Booleans, Floats, rounded
from edge_export.evaluation.ranking import expected_calibration_error
from edge_export.train.evaluation import judge, judge_tags
from edge_runtime.bundles.manifest import Head, Manifest
from edge_runtime.routing.calibration import auroc, fit_logistic, fit_temperature
from edge_runtime.routing.confidence import FEATURES, features, score_features

Integers = npt.NDArray[np.int_]
Fitted = Callable[[Integers], Floats]
"""Fits on samples of these indices; returns the confidence of all."""

_SHIPPED = {"classification": "logistic, all features", "tagging": "beta"}  # what a bundle carries

_SEED = 13
_FOLDS = 5
_DRAWS = 100
_LEAST = 1e-6


class Reliability(msgspec.Struct, frozen=True):
    """How far a confidence is from the share that is right, over 15 bins of equal mass.

    ``chance`` is what ``n`` samples would show of a confidence without any error; ``is_shipped``
    is whether it is the one that bundles carry.
    """

    head: str
    method: str
    n: int
    error: float
    chance: float
    log_loss: float
    auroc: float
    is_shipped: bool = False


@dataclass(frozen=True)
class _Samples:
    correct: Booleans
    methods: dict[str, Fitted]


def reliabilities(name: str, sets: Sequence[DataSet], manifest: Manifest) -> list[Reliability]:
    """Return every method for a head on its data sets, fitted on four folds, seen on the fifth."""
    head = manifest.heads[name]
    samples = _spans(name, head, sets) if head.type == "tagging" else _labels(name, head, sets)
    if samples.correct.all() or not samples.correct.any():
        return []
    return [
        msgspec.structs.replace(
            _reliability(name, method, fitted, samples.correct),
            is_shipped=method == _SHIPPED[head.type],
        )
        for method, fitted in samples.methods.items()
    ]


def _reliability(name: str, method: str, fitted: Fitted, correct: Booleans) -> Reliability:
    rng = np.random.default_rng(_SEED)
    sure = np.empty(len(correct))
    for fold in np.array_split(rng.permutation(len(correct)), _FOLDS):
        sure[fold] = fitted(np.setdiff1d(np.arange(len(correct)), fold))[fold]
    sure = np.clip(sure, _LEAST, 1 - _LEAST)
    draws = [expected_calibration_error(sure, rng.random(len(sure)) < sure) for _ in range(_DRAWS)]
    return Reliability(
        name,
        method,
        len(correct),
        rounded(expected_calibration_error(sure, correct)),
        rounded(float(np.mean(draws))),
        rounded(float(-np.log(np.where(correct, sure, 1 - sure)).mean())),
        rounded(auroc(sure, correct)),
    )


def _labels(name: str, head: Head, sets: Sequence[DataSet]) -> _Samples:
    judged = [judge(name, head, data.examples, data.encodings) for data in sets]
    logits = np.concatenate([each.logits for each in judged])
    truth = np.concatenate([each.truth for each in judged])
    correct = np.concatenate([each.correct for each in judged])
    found = features(logits, head)
    softmax = np.exp(found["log_prob"])

    def tempered(fit: Integers) -> Floats:
        known = fit[truth[fit] >= 0]
        return np.asarray(
            np.exp(
                features(logits / fit_temperature(logits[known], truth[known]), head)["log_prob"]
            )
        )

    varied = [each for each in FEATURES if float(np.ptp(found[each])) > 0]
    return _Samples(
        correct,
        {
            "softmax": lambda _: softmax,
            "temperature": tempered,
            "isotonic": _isotonic(softmax, correct),
            "beta": _logistic([_log(softmax), _log(1 - softmax)], correct),
            "logistic, log-odds": _logistic([found["log_odds"]], correct),
            "logistic, all features": _logistic([found[each] for each in varied], correct),
        },
    )


def _spans(name: str, head: Head, sets: Sequence[DataSet]) -> _Samples:
    judged = [judge_tags(name, head, data.examples, data.encodings) for data in sets]
    scores, correct = (np.concatenate(each) for each in zip(*judged, strict=True))
    found = score_features(scores)
    return _Samples(
        correct,
        {
            "mean of the words": lambda _: scores,
            "isotonic": _isotonic(scores, correct),
            "logistic, log-odds": _logistic([found["log_odds"]], correct),
            "beta": _logistic(list(found.values()), correct),
        },
    )


def _logistic(columns: Sequence[Floats], correct: Booleans) -> Fitted:
    inputs = np.column_stack(columns)

    def fitted(fit: Integers) -> Floats:
        weights, bias = fit_logistic(inputs[fit], correct[fit])
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (inputs @ weights + bias))))

    return fitted


def _isotonic(score: Floats, correct: Booleans) -> Fitted:
    def fitted(fit: Integers) -> Floats:
        model = IsotonicRegression(out_of_bounds="clip")
        model.fit(score[fit], correct[fit])
        return np.asarray(model.predict(score))

    return fitted


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, _LEAST)))
