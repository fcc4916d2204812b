"""What a bundle scores on labelled data, measured with the session that the device runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from edge_export.train.examples import Example
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.manifest import Head
from edge_runtime.routing.calibration import auroc
from edge_runtime.routing.confidence import FEATURES, features
from edge_runtime.tasks.encoder import Encoder, Encoding
from edge_runtime.tasks.tagging import tag

_CHUNK = 256


@dataclass(frozen=True)
class Judged:
    """Logits ``[samples, labels]`` of a classification head, and whether the best one is right."""

    head: Head
    logits: np.ndarray
    correct: np.ndarray
    in_scope: np.ndarray


def encode_all(encoder: Encoder, examples: Sequence[Example], title: str) -> list[Encoding]:
    """Return the encodings in order, with a progress bar on stderr."""
    encodings: list[Encoding] = []
    for start in tqdm(range(0, len(examples), _CHUNK), desc=title, unit="batch"):
        texts = [example.text for example in examples[start : start + _CHUNK]]
        encodings += encoder.encode(texts)
    return encodings


def judge(
    name: str, head: Head, examples: Sequence[Example], encodings: Sequence[Encoding]
) -> Judged:
    """Compare the best label with the annotation; labels that were not annotated do not count."""
    logits = np.stack([encoding.mean(name) for encoding in encodings]).astype(np.float64)
    for row, example in enumerate(examples):
        if example.covers:
            closed = [i for i, label in enumerate(head.labels) if label not in example.covers]
            logits[row, closed] = -1e4
    best = [head.labels[i] for i in logits.argmax(axis=1)]
    truth = [example.label for example in examples]
    return Judged(
        head,
        logits,
        np.array([guess == label for guess, label in zip(best, truth, strict=True)]),
        np.array([label != head.out_of_scope for label in truth]),
    )


def evaluate(
    encoder: Encoder, recipe: Recipe, dev: dict[str, list[Example]], title: str
) -> tuple[dict[str, dict[str, float]], dict[str, Judged]]:
    """Return metrics by source, and for each classification head all its judged samples."""
    report: dict[str, dict[str, float]] = {}
    collected: dict[str, list[Judged]] = {}
    for source in recipe.sources:
        examples = dev.get(source.name, [])
        if not examples:
            continue
        head = encoder.bundle.manifest.heads[source.head]
        encodings = encode_all(encoder, examples, f"{title}: {source.name}")
        if head.type == "tagging":
            report[source.name] = span_f1(source.head, head, examples, encodings)
        else:
            judged = judge(source.head, head, examples, encodings)
            collected.setdefault(source.head, []).append(judged)
            report[source.name] = classification_metrics(judged)
    return report, {name: _joined(parts) for name, parts in collected.items()}


def classification_metrics(judged: Judged) -> dict[str, float]:
    """Return in-scope accuracy, and the out-of-scope AUROC of every score where both exist."""
    inside = judged.in_scope
    metrics: dict[str, float] = {"n": len(inside)}
    if inside.any():
        metrics["accuracy"] = _rounded(judged.correct[inside].mean())
    if (~inside).any():
        metrics["oos_recall"] = _rounded(judged.correct[~inside].mean())
    if inside.any() and (~inside).any():
        found = features(judged.logits, judged.head)
        for name in FEATURES:
            metrics[f"oos_auroc_{name}"] = _rounded(auroc(found[name], inside))
    return metrics


def span_f1(
    name: str, head: Head, examples: Sequence[Example], encodings: Sequence[Encoding]
) -> dict[str, float]:
    """Return micro precision, recall and F1 of exact spans with exact labels.

    Labels that the source's annotators did not look for are left out on both sides.
    """
    hits = found = wanted = 0
    for example, encoding in zip(examples, encodings, strict=True):
        open_spans = [(s.start, s.end) for s in example.spans if s.label is None]
        truth = {(s.start, s.end, s.label) for s in example.spans if s.label is not None}
        guesses = {
            (entity.start, entity.end, entity.label)
            for entity in tag(name, head, encoding)
            if (not example.covers or entity.label in example.covers)
            and not any(a < entity.end and entity.start < b for a, b in open_spans)
        }
        hits += len(truth & guesses)
        found += len(guesses)
        wanted += len(truth)
    precision, recall = hits / max(found, 1), hits / max(wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {
        "n": len(examples),
        "precision": _rounded(precision),
        "recall": _rounded(recall),
        "f1": _rounded(f1),
    }


def _joined(parts: list[Judged]) -> Judged:
    return Judged(
        parts[0].head,
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.correct for part in parts]),
        np.concatenate([part.in_scope for part in parts]),
    )


def _rounded(value: float) -> float:
    return round(float(value), 4)
