"""What is measured of a bundle: one metric over the held-out texts of each source and head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.assistant.sets import Sets
from edge_export.evaluation.metrics import Metric, share
from edge_export.evaluation.ranking import ranking
from edge_export.train.evaluation import Judged, judge, judge_spans, span_metrics
from edge_export.train.parts import Parts
from edge_export.train.recipe import Recipe
from edge_runtime.routing.confidence import SCOPE_SCORE, features

_PAIR = 2


@dataclass(frozen=True)
class Measure:
    """A metric of one head over ``n`` texts of a data set."""

    head: str
    data: str
    name: str
    n: int
    metric: Metric


def measures(sets: Sets, recipe: Recipe, parts: Parts) -> Iterator[Measure]:
    """Yield what the bundle of ``sets`` scores, in the order of the recipe's sources."""
    heads = sets.encoder.bundle.manifest.heads
    for source in recipe.sources:
        examples = parts.held_out.get(source.name, [])
        if not examples:
            continue
        name, head = source.head, heads[source.head]
        encodings = sets.encode([example.text for example in examples], source.name)
        if head.type == "tagging":
            pairs = [
                judge_spans(name, head, *both) for both in zip(examples, encodings, strict=True)
            ]
            found = {"F1": span_metrics(pairs)["f1"]}
        else:
            found = _labelled(judge(name, head, examples, encodings))
        for metric, value in found.items():
            yield Measure(name, source.name, metric, len(examples), value)


def _labelled(judged: Judged) -> dict[str, Metric]:
    """Return the accuracy inside the scope, and how well the outside is told from it.

    Of a head with two labels, how well its scores rank.
    """
    inside = judged.in_scope
    found = {}
    if len(judged.head.labels) == _PAIR:
        score = judged.logits[:, 0] - judged.logits[:, 1]
        found["AUROC"] = ranking(score, judged.truth == 0)
    elif inside.any():
        found["accuracy"] = share(judged.correct, inside)
    if inside.any() and not inside.all():
        score = features(judged.logits, judged.head)[SCOPE_SCORE]
        found["out of scope: AUROC"] = ranking(score, inside)
    elif not inside.any():
        found["found out of scope"] = share(judged.correct)
    return found
