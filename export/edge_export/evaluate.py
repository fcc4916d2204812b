"""What a bundle scores on a labelled file, and how far chance may have moved that."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from edge_export.evaluation.generated import evaluate_text_generation, evaluate_text_to_text
from edge_export.evaluation.labels import (
    evaluate_text_classification,
    evaluate_token_classification,
)
from edge_export.evaluation.measurement import Data, Measurement, Mistake, Timed
from edge_export.evaluation.metrics import Score, score
from edge_export.evaluation.questions import evaluate_question_answering
from edge_runtime.bundles.manifest import Head, HeadType, Task
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import UnsupportedTaskError
from edge_runtime.tasks.encoder import Encoder

_LISTED = 10


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The result, as ``--json`` prints it; ``mistakes`` are the surest, ``slowest`` the slowest."""

    model: str
    verified: bool
    task: str
    head: str | None
    data: str
    n: int
    metrics: dict[str, Score]
    latency_ms: dict[str, float]
    labels: list[str]
    confusion: list[list[int]] | None
    mistakes: list[Mistake]
    slowest: list[Timed]


def evaluate(bundle: Bundle, data: Data, *, head: str | None = None, seed: int = 13) -> Evaluation:
    """Run every text of a labelled file through a bundle, one by one, and score the answers.

    Raises:
        ConfigError: the file is missing or broken, or a label is unknown; names the line.
        UnsupportedTaskError: nothing in the bundle can be scored, or several heads could be.
        BundleError: the bundle cannot be run.
    """
    name, measured = measure(bundle, data, head=head)
    return Evaluation(
        model=bundle.model_name,
        verified=bundle.verified,
        task=bundle.manifest.task,
        head=name,
        data=str(data.path),
        n=len(measured.texts),
        metrics={
            key: score(metric, len(measured.texts), seed)
            for key, metric in measured.metrics.items()
        },
        latency_ms={f"p{q}": round(float(np.percentile(measured.ms, q)), 3) for q in (50, 95)},
        labels=measured.labels,
        confusion=None if measured.confusion is None else measured.confusion.tolist(),
        mistakes=sorted(measured.mistakes, key=lambda each: -each.confidence)[:_LISTED],
        slowest=[
            Timed(measured.texts[i], round(float(measured.ms[i]), 3))
            for i in np.argsort(-measured.ms, kind="stable")[:_LISTED]
        ],
    )


def measure(bundle: Bundle, data: Data, *, head: str | None) -> tuple[str | None, Measurement]:
    """Return the head's name, if the task has heads, and what its evaluation found.

    Raises:
        ConfigError, UnsupportedTaskError, BundleError: as ``evaluate``.
    """
    if (whole := _BY_TASK.get(bundle.manifest.task)) is not None:
        return None, whole(bundle, data)
    name, chosen = choose_head(bundle, head)
    return name, _BY_HEAD[chosen.type](Encoder(bundle), name, data)


def choose_head(bundle: Bundle, name: str | None) -> tuple[str, Head]:
    """Return the named head, or the only one that can be scored.

    Raises:
        UnsupportedTaskError: there is no such head, no one answer that is right for its type, or
            more than one to choose from.
    """
    heads = bundle.manifest.heads
    fitting = [key for key, head in heads.items() if head.type in _BY_HEAD]
    if name is None and len(fitting) > 1:
        raise UnsupportedTaskError(
            f"bundle {bundle.manifest.name!r} has heads {', '.join(fitting)}; choose with --head"
        )
    if name is None and not fitting:
        raise UnsupportedTaskError(
            f"bundle {bundle.manifest.name!r} does {bundle.manifest.task}, which gives no answer "
            "that is right or wrong by itself; evaluate a model that is trained on labels"
        )
    chosen = name or fitting[0]
    if chosen not in heads:
        raise UnsupportedTaskError(
            f"bundle {bundle.manifest.name!r} has no head {chosen!r}; it has {', '.join(heads)}"
        )
    head = heads[chosen]
    if head.type not in _BY_HEAD:
        raise UnsupportedTaskError(
            f"head {chosen!r} gives an {head.type}, which is not right or wrong by itself; "
            "evaluate a head that is trained on labels"
        )
    if head.multi_label:
        raise UnsupportedTaskError(
            f"head {chosen!r} gives several labels for a text, and data files name one"
        )
    return chosen, head


_BY_HEAD: dict[HeadType, Callable[[Encoder, str, Data], Measurement]] = {
    "classification": evaluate_text_classification,
    "tagging": evaluate_token_classification,
    "span": evaluate_question_answering,
}
# tasks whose bundles have no heads
_BY_TASK: dict[Task, Callable[[Bundle, Data], Measurement]] = {
    "text-generation": evaluate_text_generation,
    "summarization": evaluate_text_to_text,
    "translation": evaluate_text_to_text,
}
