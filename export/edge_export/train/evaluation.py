"""What a bundle says on labelled texts and what that scores, with the session of the device."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge_export.evaluation.metrics import Booleans, Floats, Metric, ratio, rounded
from edge_export.train.examples import OR, Example, example_labels, read_examples
from edge_export.train.recipe import Head as RecipeHead
from edge_export.train.recipe import Source
from edge_export.train.rows import OBJECTS, TABLES, Row, read_lines, read_rows
from edge_runtime.bundles.manifest import Head
from edge_runtime.errors import ConfigError
from edge_runtime.routing.calibration import auroc
from edge_runtime.routing.confidence import FEATURES, alike_labels, features
from edge_runtime.tasks.encoder import Encoder, Encoding
from edge_runtime.tasks.tagging import tag

Spans = set[tuple[int, int, str]]

_NAMED = 8  # labels in an error message


@dataclass(frozen=True)
class Judged:
    """Logits ``[samples, labels]`` of a classification head, and whether the best one is right.

    A label that says the same as the annotated one is right.

    ``truth`` holds the index of the annotated label, -1 where the head has no such label.
    """

    head: Head
    logits: np.ndarray
    truth: np.ndarray
    correct: np.ndarray
    in_scope: np.ndarray

    @property
    def given(self) -> Booleans:
        """Which answers are given on a device: neither out of scope nor for the large model."""
        refused = {*self.head.needs_large_model, self.head.out_of_scope}
        never = [i for i, label in enumerate(self.head.labels) if label in refused]
        return ~np.isin(self.logits.argmax(axis=1), never)


def read_labelled(
    path: Path, name: str, head: Head, *, text: str = "text", label: str | None = None
) -> list[Example]:
    """Return the examples of a data file for one head of a bundle, in file order.

    ``text`` and ``label`` name the columns; without ``label`` it is what the readers look for.

    Raises:
        ConfigError: the file is missing or broken, or a label is not one of the head's; the
            message names the line.
    """
    tagging = head.type == "tagging"
    examples = read_examples(
        Source(head=name, name=path.name, dev=[path.name], text=text, label=label),
        RecipeHead(type="tagging" if tagging else "classification"),
        path.parent,
        split="dev",
    )
    known = _entity_labels(head) if tagging else set(head.labels)
    for example in examples:
        for unknown in sorted(example_labels(example) - known):
            defaults = ("spans", "slots") if tagging else ("label", name)
            place = _place(path, unknown, (label,) if label else defaults)
            names = ", ".join(sorted(known)[:_NAMED])
            more = ", ..." if len(known) > _NAMED else ""
            raise ConfigError(f"{place}: {unknown!r} is no label of head {name!r} ({names}{more})")
    return examples


def encode_all(encoder: Encoder, texts: Sequence[str], title: str) -> tuple[list[Encoding], Floats]:
    """Return the encodings in order, and the time of each in ms, tokenisation included.

    One text at a time, as a device reads them: activations are quantized over what goes through
    the graph together, so a batch would give other logits. Shows a progress bar on stderr.
    """
    encoder.encode(texts[:1])  # the first run also allocates, and is no measurement
    encodings: list[Encoding] = []
    times = []
    for text in tqdm(texts, desc=title, unit="text"):
        started = time.perf_counter()
        encodings += encoder.encode([text])
        times.append((time.perf_counter() - started) * 1e3)
    return encodings, np.array(times)


def judge(
    name: str, head: Head, examples: Sequence[Example], encodings: Sequence[Encoding]
) -> Judged:
    """Compare the best label with the annotation; labels that were not annotated do not count."""
    logits = np.stack([encoding.mean(name) for encoding in encodings]).astype(np.float64)
    for row, example in enumerate(examples):
        if example.covers:
            closed = [i for i, label in enumerate(head.labels) if label not in example.covers]
            logits[row, closed] = -1e4
    index = {label: i for i, label in enumerate(head.labels)}
    truth = np.array([index.get(example.label or "", -1) for example in examples])
    right = alike_labels(head)
    return Judged(
        head,
        logits,
        truth,
        right[truth, logits.argmax(axis=1)] & (truth >= 0),
        np.array([example.label != head.out_of_scope for example in examples]),
    )


def judge_spans(name: str, head: Head, example: Example, encoding: Encoding) -> tuple[Spans, Spans]:
    """Return the annotated and the found spans of a text as (start, end, label).

    Labels that the source's annotators did not look for are left out on both sides, and so is what
    lies where the annotation is unknown.
    """
    truth = {(s.start, s.end, s.label) for s in example.spans if s.label is not None}
    return truth, {span for span, _ in _found_spans(name, head, example, encoding)}


def judge_tags(
    name: str, head: Head, examples: Sequence[Example], encodings: Sequence[Encoding]
) -> tuple[Floats, Booleans]:
    """Return the score of each span that is found, and whether it is right: ``[spans]``."""
    scores: list[float] = []
    right: list[bool] = []
    for example, encoding in zip(examples, encodings, strict=True):
        truth, _ = judge_spans(name, head, example, encoding)
        for span, score in _found_spans(name, head, example, encoding):
            scores.append(score)
            right.append(span in truth)
    return np.array(scores, dtype=np.float64), np.array(right, dtype=bool)


def _found_spans(
    name: str, head: Head, example: Example, encoding: Encoding
) -> Iterator[tuple[tuple[int, int, str], float]]:
    """Yield spans with their scores; one of several labels that may be right is right."""
    unknown = [(s.start, s.end) for s in example.spans if s.label is None]
    either = {(s.start, s.end): s.label for s in example.spans if s.label and OR in s.label}
    for entity in tag(name, head, encoding):
        start, end, label = entity.start, entity.end, entity.label
        if example.covers and label not in example.covers:
            continue
        if not any(a < end and start < b for a, b in unknown):
            wanted = either.get((start, end), "")
            yield (start, end, wanted if label in wanted.split(OR) else label), entity.score


def classification_metrics(judged: Judged) -> dict[str, float]:
    """Return in-scope accuracy, and the out-of-scope AUROC of every score where both exist."""
    inside = judged.in_scope
    metrics: dict[str, float] = {"n": len(inside)}
    if inside.any():
        metrics["accuracy"] = rounded(judged.correct[inside].mean())
    if (~inside).any():
        metrics["oos_recall"] = rounded(judged.correct[~inside].mean())
    if inside.any() and (~inside).any():
        found = features(judged.logits, judged.head)
        for name in FEATURES:
            metrics[f"oos_auroc_{name}"] = rounded(auroc(found[name], inside))
    return metrics


def span_f1(
    name: str, head: Head, examples: Sequence[Example], encodings: Sequence[Encoding]
) -> dict[str, float]:
    """Return micro precision, recall and F1 of exact spans with exact labels."""
    hits = found = wanted = 0
    for example, encoding in zip(examples, encodings, strict=True):
        truth, guesses = judge_spans(name, head, example, encoding)
        hits += len(truth & guesses)
        found += len(guesses)
        wanted += len(truth)
    precision, recall = hits / max(found, 1), hits / max(wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {
        "n": len(examples),
        "precision": rounded(precision),
        "recall": rounded(recall),
        "f1": rounded(f1),
    }


def span_metrics(pairs: Sequence[tuple[Spans, Spans]]) -> dict[str, Metric]:
    """Return micro F1, precision and recall of annotated and found spans, text by text."""
    hits = np.array([len(truth & found) for truth, found in pairs], dtype=np.float64)
    found = np.array([len(found) for _, found in pairs], dtype=np.float64)
    wanted = np.array([len(truth) for truth, _ in pairs], dtype=np.float64)
    return {
        "f1": Metric(lambda w: ratio(float(2 * (w @ hits)), float(w @ (found + wanted)))),
        "precision": Metric(lambda w: ratio(float(w @ hits), float(w @ found))),
        "recall": Metric(lambda w: ratio(float(w @ hits), float(w @ wanted))),
    }


def _entity_labels(head: Head) -> set[str]:
    return {name.removeprefix("B-").removeprefix("I-") for name in head.labels} - {"O"}


def _place(path: Path, label: str, columns: tuple[str, ...]) -> str:
    """Return ``file:line`` of the first row with a label."""
    if path.suffix in (*TABLES, *OBJECTS):
        return next((row.place for row in read_rows(path) if _has(row, label, columns)), str(path))
    lines = ((place, line.rstrip()) for place, line in read_lines(path))
    return next((place for place, line in lines if line.endswith(f"-{label}")), str(path))


def _has(row: Row, label: str, columns: tuple[str, ...]) -> bool:
    found = [row.fields[name] for name in columns if name in row.fields]
    spans = [span for value in found if isinstance(value, list) for span in value]
    return label in [str(value).strip() for value in found] or any(
        label in span.values() for span in spans
    )
