"""Heads that mark spans: F1 of exact spans, and for personal data what would be missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.assistant.figures import Figure, figure, plain
from benchmarks.assistant.sets import DataSet
from edge_export.evaluation.metrics import Metric, ratio
from edge_export.train.evaluation import Spans, judge_spans, span_metrics
from edge_runtime.bundles.manifest import Manifest

_OVERLAP = 0.5  # of two spans, as a share of what both cover, from which on one has found the other
_FEWEST = 5  # spans of a type that say something about its recall


def tagged_figures(data: DataSet, manifest: Manifest) -> Iterator[Figure]:
    """Yield F1, precision and recall of exact spans with exact labels."""
    pairs = _pairs(data, manifest)
    for name, metric in span_metrics(pairs).items():
        shown = "F1" if name == "f1" else name
        yield figure(data.head, data.name, shown, len(pairs), metric)


def personal_figures(data: DataSet, manifest: Manifest) -> Iterator[Figure]:
    """Yield the F2 of spans that overlap by half, and the recall of each type.

    A type is recalled as far as its characters are within spans of any type: these do not leave.
    """
    pairs = _pairs(data, manifest)
    yield figure(data.head, data.name, "F2 of spans", len(pairs), _f2(pairs))
    recalls = {}
    for label in sorted({label for truth, _ in pairs for *_, label in truth}):
        covered = [
            (_covered(span, found), span[1] - span[0])
            for truth, found in pairs
            for span in truth
            if span[2] == label
        ]
        recall = sum(c for c, _ in covered) / sum(size for _, size in covered)
        yield plain(data.head, data.name, f"recall of {label}", len(covered), recall)
        if len(covered) >= _FEWEST:
            recalls[label] = recall
    if recalls:
        n = len(recalls)
        yield plain(data.head, data.name, "lowest recall of a type", n, min(recalls.values()))


def _pairs(data: DataSet, manifest: Manifest) -> list[tuple[Spans, Spans]]:
    head = manifest.heads[data.head]
    return [
        judge_spans(data.head, head, *both)
        for both in zip(data.examples, data.encodings, strict=True)
    ]


def _f2(pairs: Sequence[tuple[Spans, Spans]]) -> Metric:
    hits = np.array([sum(_finds(f, truth) for f in found) for truth, found in pairs], dtype=float)
    recalled = np.array(
        [sum(_finds(t, found) for t in truth) for truth, found in pairs], dtype=float
    )
    found = np.array([len(found) for _, found in pairs], dtype=float)
    wanted = np.array([len(truth) for truth, _ in pairs], dtype=float)

    def of(weights: np.ndarray) -> float:
        precision = ratio(float(weights @ hits), float(weights @ found))
        recall = ratio(float(weights @ recalled), float(weights @ wanted))
        return ratio(5 * precision * recall, 4 * precision + recall)

    return Metric(of)


def _finds(span: tuple[int, int, str], others: Spans) -> bool:
    start, end, label = span
    for other_start, other_end, other_label in others:
        shared = min(end, other_end) - max(start, other_start)
        whole = max(end, other_end) - min(start, other_start)
        if label == other_label and shared >= _OVERLAP * whole:
            return True
    return False


def _covered(span: tuple[int, int, str], found: Spans) -> int:
    """Return how many characters of a span lie within found ones."""
    inside = np.zeros(span[1] - span[0], dtype=bool)
    for start, end, _ in found:
        inside[max(start - span[0], 0) : max(end - span[0], 0)] = True
    return int(inside.sum())
