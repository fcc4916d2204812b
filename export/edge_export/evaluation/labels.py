"""Classification and tagging heads on texts that were labelled by hand."""

from __future__ import annotations

import numpy as np

from edge_export.evaluation.measurement import Data, Measurement, Mistake
from edge_export.evaluation.metrics import Metric, macro_f1, share
from edge_export.train.evaluation import (
    Spans,
    encode_all,
    judge,
    judge_spans,
    read_labelled,
    span_metrics,
)
from edge_runtime.routing.confidence import confidence
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.tagging import lowest_score


def evaluate_text_classification(encoder: Encoder, name: str, data: Data) -> Measurement:
    """Score a classification head: accuracy, macro F1, and what the calibration promised."""
    manifest = encoder.bundle.manifest
    head, calibration = manifest.heads[name], manifest.calibration.get(name)
    examples = read_labelled(data.path, name, head, text=data.text, label=data.label)
    texts = [example.text for example in examples]
    encodings, ms = encode_all(encoder, texts, "evaluate")
    judged = judge(name, head, examples, encodings)
    guesses = judged.logits.argmax(axis=1)
    sure = np.array([confidence(row, head, calibration) for row in judged.logits])
    metrics = {
        "accuracy": share(judged.correct),
        "macro_f1": Metric(lambda weights: macro_f1(judged.truth, guesses, weights)),
    }
    if head.out_of_scope is not None:
        metrics["in_scope_accuracy"] = share(judged.correct, judged.in_scope)
        metrics["oos_recall"] = share(judged.correct, ~judged.in_scope)
    if calibration is not None and calibration.threshold is not None:
        accepted = judged.given & (sure >= calibration.threshold)
        metrics["coverage"] = share(accepted)
        metrics["selective_error"] = share(~judged.correct, accepted)
    confusion = np.zeros((len(head.labels), len(head.labels)), dtype=np.int64)
    np.add.at(confusion, (judged.truth, guesses), 1)
    mistakes = [
        Mistake(
            texts[i],
            head.labels[judged.truth[i]],
            head.labels[guesses[i]],
            round(float(sure[i]), 4),
        )
        for i in np.flatnonzero(~judged.correct)
    ]
    return Measurement(texts, ms, metrics, mistakes, head.labels, confusion)


def evaluate_token_classification(encoder: Encoder, name: str, data: Data) -> Measurement:
    """Score a tagging head: micro F1 of exact spans, and the share of texts without a mistake.

    ``O`` in the confusion is no span; other pairs have the same characters and another label.
    """
    head = encoder.bundle.manifest.heads[name]
    examples = read_labelled(data.path, name, head, text=data.text, label=data.label)
    texts = [example.text for example in examples]
    encodings, ms = encode_all(encoder, texts, "evaluate")
    pairs = [judge_spans(name, head, *both) for both in zip(examples, encodings, strict=True)]
    labels = list(dict.fromkeys(tag.removeprefix("B-").removeprefix("I-") for tag in head.labels))
    index = {label: i for i, label in enumerate(labels)}
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for truth, found in pairs:
        annotated = {(start, end): label for start, end, label in truth}
        answered = {(start, end): label for start, end, label in found}
        for place in annotated.keys() | answered.keys():
            row, column = annotated.get(place, "O"), answered.get(place, "O")
            confusion[index[row], index[column]] += 1
    return Measurement(
        texts,
        ms,
        {
            **span_metrics(pairs),
            "exact_texts": share(np.array([truth == found for truth, found in pairs])),
        },
        [
            Mistake(
                text,
                _spans_text(text, truth - found),
                _spans_text(text, found - truth),
                round(lowest_score(name, head, encoding), 4),
            )
            for text, encoding, (truth, found) in zip(texts, encodings, pairs, strict=True)
            if truth != found
        ],
        labels,
        confusion,
    )


def _spans_text(text: str, spans: Spans) -> str:
    return ", ".join(f"{text[start:end]} [{label}]" for start, end, label in sorted(spans))
