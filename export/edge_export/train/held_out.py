"""What a bundle scores on the texts that were held out, by source, with intervals."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_export.evaluation.metrics import Booleans, Floats, Metric, score, share
from edge_export.train.evaluation import (
    Judged,
    classification_metrics,
    encode_all,
    judge,
    judge_spans,
    judge_tags,
    span_f1,
    span_metrics,
)
from edge_export.train.examples import Example
from edge_export.train.parts import BySource
from edge_export.train.recipe import Recipe
from edge_runtime.tasks.encoder import Encoder, Encoding

Interval = tuple[float, float]


@dataclass(frozen=True)
class HeldOut:
    """Metrics by source, their intervals of 95 % by source, and each head's samples.

    ``tagged`` holds score and rightness ``[spans]`` of what a tagging head found.
    """

    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)
    tagged: dict[str, tuple[Floats, Booleans]] = field(default_factory=dict)


def measure(encoder: Encoder, recipe: Recipe, held_out: BySource, title: str) -> HeldOut:
    """Run every held-out text through the bundle; shows progress bars on stderr."""
    result = HeldOut()
    by_head: dict[str, tuple[list[Example], list[Encoding]]] = {}
    for source in recipe.sources:
        examples = held_out.get(source.name, [])
        if not examples:
            continue
        name, head = source.head, encoder.bundle.manifest.heads[source.head]
        texts = [example.text for example in examples]
        encodings, _ = encode_all(encoder, texts, f"{title}: {source.name}")
        if head.type == "tagging":
            found = span_f1(name, head, examples, encodings)
            metrics = span_metrics(
                [judge_spans(name, head, *both) for both in zip(examples, encodings, strict=True)]
            )
        else:
            judged = judge(name, head, examples, encodings)
            found = classification_metrics(judged)
            inside = judged.in_scope
            metrics = {
                "accuracy": share(judged.correct, inside),
                "oos_recall": share(judged.correct, ~inside),
            }
        rows, outputs = by_head.setdefault(name, ([], []))
        rows += examples
        outputs += encodings
        result.metrics[source.name] = found
        result.intervals[source.name] = _intervals(metrics, len(examples), recipe.training.seed)
    for name, (rows, outputs) in by_head.items():
        head = encoder.bundle.manifest.heads[name]
        if head.type == "tagging":
            result.tagged[name] = judge_tags(name, head, rows, outputs)
        else:
            result.judged[name] = judge(name, head, rows, outputs)
    return result


def _intervals(metrics: dict[str, Metric], n: int, seed: int) -> dict[str, Interval]:
    scores = {name: score(metric, n, seed) for name, metric in metrics.items()}
    return {
        name: (found.low, found.high)
        for name, found in scores.items()
        if found.low is not None and found.high is not None
    }
