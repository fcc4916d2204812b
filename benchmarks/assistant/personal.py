"""Personal data: what would leave the device, by the head, by patterns, and by both as shipped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from benchmarks.assistant.figures import Figure, figure, plain
from benchmarks.assistant.sets import DataSet
from edge_export.evaluation.metrics import Floats, Metric
from edge_export.train.evaluation import Spans
from edge_runtime.bundles.manifest import Manifest
from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.findings import Finding, of_entities, united
from edge_runtime.routing.redaction.kinds import IDENTIFYING, OF_LABEL, SHARED
from edge_runtime.routing.redaction.patterns import find_private, of_patterns
from edge_runtime.tasks.encoder import Encoding
from edge_runtime.tasks.tagging import tag

_HALF = 0.5  # of what two spans cover together, from which on one has found the other
_WHOLE = 1.0
_ANY = 1e-9
_FEWEST = 5  # spans of a type that say something about its recall
_KINDS = IDENTIFYING | SHARED

Pairs = Sequence[tuple[Spans, Spans]]


def personal_figures(data: DataSet, manifest: Manifest) -> Iterator[Figure]:
    """Yield F2 of spans and the recall of each kind; what is not named otherwise is as shipped.

    A character is recalled if it lies within a span of any kind: it does not leave. A span is found
    if one of its kind covers at least half of what both cover.
    """
    ways = _ways(data, manifest)
    for way, pairs in ways.items():
        n, looked_for = len(pairs), _annotated(pairs, data)
        yield figure(data.head, data.name, f"F2 of spans{way}", n, f2(looked_for, _HALF))
        yield figure(data.head, data.name, f"F2 of exact spans{way}", n, f2(looked_for, _WHOLE))
        recalls = {}
        for kind in sorted({kind for truth, _ in pairs for *_, kind in truth}):
            metric = f"recall of {kind}{way}"
            recall, count = recalled_characters(pairs, kind)
            yield plain(data.head, data.name, metric, count, recall)
            if count >= _FEWEST:
                recalls[kind] = recall
        if recalls:
            metric = f"lowest recall of a type{way}"
            yield plain(data.head, data.name, metric, len(recalls), min(recalls.values()))
    yield from _span_recalls(data, ways[""])


def f2(pairs: Pairs, least: float) -> Metric:
    """Return F2 of spans that share at least this part of what both cover, text by text."""
    hits = _counts(pairs, lambda truth, found: sum(_finds(each, truth, least) for each in found))
    recalled = _counts(
        pairs, lambda truth, found: sum(_finds(each, found, least) for each in truth)
    )
    found = _counts(pairs, lambda _, found: len(found))
    wanted = _counts(pairs, lambda truth, _: len(truth))

    def of(weights: Floats) -> float:
        if not weights @ wanted:
            return math.nan
        precision = float(weights @ hits) / max(float(weights @ found), 1.0)
        recall = float(weights @ recalled) / float(weights @ wanted)
        return 5 * precision * recall / max(4 * precision + recall, _ANY)

    return Metric(of)


def recalled_characters(pairs: Pairs, kind: str) -> tuple[float, int]:
    """Return the share of the characters of a kind that are found, and how many spans these are."""
    covered = [
        (_covered(span, found), span[1] - span[0])
        for truth, found in pairs
        for span in truth
        if span[2] == kind
    ]
    return sum(hit for hit, _ in covered) / sum(size for _, size in covered), len(covered)


def _span_recalls(data: DataSet, pairs: Pairs) -> Iterator[Figure]:
    for kind in sorted({kind for truth, _ in pairs for *_, kind in truth}):
        spans = [(each, found) for truth, found in pairs for each in truth if each[2] == kind]
        for name, least in (("exact", _WHOLE), ("overlapping", _ANY)):
            right = sum(_finds(each, found, least) for each, found in spans) / len(spans)
            yield plain(data.head, data.name, f"{name} spans of {kind} found", len(spans), right)


def _ways(data: DataSet, manifest: Manifest) -> dict[str, Pairs]:
    """Return what is annotated and what is found, each span with the kind of its placeholder."""
    texts = [example.text for example in data.examples]
    truths = [
        {(s.start, s.end, OF_LABEL[s.label]) for s in example.spans if s.label is not None}
        for example in data.examples
    ]
    personal = [_tags("pii", manifest, each) for each in data.encodings]
    entities = [_tags("entities", manifest, each) for each in data.encodings]
    both = map(list.__add__, personal, entities)
    ways: dict[str, Iterable[list[Finding]]] = {
        "": (find_private(*each, _KINDS) for each in zip(texts, both, strict=True)),
        ", head alone": (of_entities(*each, _KINDS) for each in zip(texts, personal, strict=True)),
        ", patterns alone": (of_patterns(text, _KINDS) for text in texts),
    }
    return {
        way: [
            (truth, {(each.start, each.end, each.kind) for each in united(text, found)})
            for text, truth, found in zip(texts, truths, findings, strict=True)
        ]
        for way, findings in ways.items()
    }


def _tags(head: str, manifest: Manifest, encoding: Encoding) -> list[Entity]:
    return tag(head, manifest.heads[head], encoding) if head in manifest.heads else []


def _annotated(pairs: Pairs, data: DataSet) -> Pairs:
    """Leave out what is found of kinds that the annotators did not look for."""
    covers = {OF_LABEL[label] for each in data.examples for label in each.covers} or _KINDS
    return [(truth, {each for each in found if each[2] in covers}) for truth, found in pairs]


def _counts(pairs: Pairs, count: Callable[[Spans, Spans], int]) -> Floats:
    return np.array([count(truth, found) for truth, found in pairs], dtype=np.float64)


def _finds(span: tuple[int, int, str], others: Spans, least: float) -> bool:
    start, end, kind = span
    for other_start, other_end, other_kind in others:
        shared = min(end, other_end) - max(start, other_start)
        whole = max(end, other_end) - min(start, other_start)
        if kind == other_kind and shared >= least * whole:
            return True
    return False


def _covered(span: tuple[int, int, str], found: Spans) -> int:
    """Return how many characters of a span lie within found ones."""
    inside = np.zeros(span[1] - span[0], dtype=bool)
    for start, end, _ in found:
        inside[max(start - span[0], 0) : max(end - span[0], 0)] = True
    return int(inside.sum())
