"""Heads that give a text one label: accuracy, out-of-scope detection, calibration error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.assistant.figures import Figure, figure, plain
from benchmarks.assistant.sets import DataSet
from edge_export.evaluation.metrics import Booleans, Floats, share
from edge_export.evaluation.ranking import expected_calibration_error, ranking
from edge_export.train.evaluation import Judged, judge, judge_tags
from edge_runtime.bundles.manifest import Calibration, Head, Manifest
from edge_runtime.routing.confidence import (
    FEATURES,
    SCOPE_SCORE,
    calibrated,
    features,
    score_features,
)

_CLOSED = -1e4


def labelled_figures(data: DataSet, manifest: Manifest) -> Iterator[Figure]:
    """Yield the figures of a data set for a classification head."""
    head = manifest.heads[data.head]
    judged = judge(data.head, head, data.examples, data.encodings)
    n, inside = len(data.examples), judged.in_scope
    correct = _restricted(judged, head, data)
    if (~inside).all():
        yield figure(data.head, data.name, "found out of scope", n, share(judged.correct))
        return
    metric = "accuracy" if inside.all() else "accuracy in scope"
    yield figure(data.head, data.name, metric, n, share(correct, inside))
    if head.out_of_scope is not None or data.own < set(head.labels):
        name = f"{metric}, among all labels of the head"
        yield figure(data.head, data.name, name, n, share(judged.correct, inside))
    if not inside.all():
        yield from _scope_figures(data, judged, head, manifest.calibration.get(data.head))


def outcome_figures(data: DataSet, manifest: Manifest) -> Iterator[Figure]:
    """Yield how well a head of two labels ranks its texts: the AUROC of the first label."""
    judged = judge(data.head, manifest.heads[data.head], data.examples, data.encodings)
    score = judged.logits[:, 0] - judged.logits[:, 1]
    yield figure(data.head, data.name, "AUROC", len(score), ranking(score, judged.truth == 0))


def calibration_figure(head: str, sets: list[DataSet], manifest: Manifest) -> Figure | None:
    """Return the expected calibration error of a head's confidence over all its data sets.

    None for a head whose confidence is not calibrated.
    """
    calibration = manifest.calibration.get(head)
    if calibration is None:
        return None
    confidences, correct = confidence_of(head, sets, manifest)
    value = expected_calibration_error(confidences, correct)
    return plain(head, "all its data sets", "calibration error", len(correct), value)


def confidence_of(head: str, sets: list[DataSet], manifest: Manifest) -> tuple[Floats, Booleans]:
    """Return confidence and correctness of a calibrated head's answers on its data sets.

    An answer is a text's label, or for a tagging head a span that it found.
    """
    calibration = manifest.calibration[head]
    confidences, correct = [], []
    for data in sets:
        if manifest.heads[head].type == "tagging":
            scores, right = judge_tags(head, manifest.heads[head], data.examples, data.encodings)
            found = score_features(scores)
            confidences.append(
                calibrated(found, calibration.features, calibration.weights, calibration.bias)
            )
            correct.append(right)
            continue
        judged = judge(head, manifest.heads[head], data.examples, data.encodings)
        found = features(judged.logits, manifest.heads[head])
        confidences.append(
            calibrated(found, calibration.features, calibration.weights, calibration.bias)
        )
        correct.append(judged.correct)
    return np.concatenate(confidences), np.concatenate(correct)


def _restricted(judged: Judged, head: Head, data: DataSet) -> Booleans:
    """Return which answers are right among the labels that the data set has."""
    known = {*data.own, head.out_of_scope}
    closed = [i for i, label in enumerate(head.labels) if label not in known]
    logits = judged.logits.copy()
    logits[:, closed] = _CLOSED
    return np.asarray(logits.argmax(axis=1) == judged.truth)


def _scope_figures(
    data: DataSet, judged: Judged, head: Head, calibration: Calibration | None
) -> Iterator[Figure]:
    found = features(judged.logits, head)
    scores = {name: found[name] for name in FEATURES}
    n, inside = len(judged.in_scope), judged.in_scope
    shipped = (calibration.scope_score if calibration else None) or SCOPE_SCORE
    yield figure(data.head, data.name, "out of scope: AUROC", n, ranking(scores[shipped], inside))
    for name, values in scores.items():
        metric = f"out of scope: AUROC by {name}"
        yield figure(data.head, data.name, metric, n, ranking(values, inside))
    if calibration is not None:
        sure = calibrated(found, calibration.features, calibration.weights, calibration.bias)
        metric = "out of scope: AUROC by confidence"
        yield figure(data.head, data.name, metric, n, ranking(sure, inside))
    yield figure(data.head, data.name, "found out of scope", n, share(judged.correct, ~inside))
