"""Heads that mark spans: F1, precision and recall of exact spans with exact labels."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.assistant.figures import Figure, figure
from benchmarks.assistant.sets import DataSet
from edge_export.train.evaluation import judge_spans, span_metrics
from edge_runtime.bundles.manifest import Manifest


def tagged_figures(data: DataSet, manifest: Manifest) -> Iterator[Figure]:
    """Yield F1, precision and recall of exact spans with exact labels."""
    head = manifest.heads[data.head]
    pairs = [
        judge_spans(data.head, head, *both)
        for both in zip(data.examples, data.encodings, strict=True)
    ]
    for name, metric in span_metrics(pairs).items():
        shown = "F1" if name == "f1" else name
        yield figure(data.head, data.name, shown, len(pairs), metric)
