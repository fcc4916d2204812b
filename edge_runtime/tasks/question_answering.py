"""Extractive question answering: the span of a text that answers a question."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime.bundles.manifest import Head
from edge_runtime.inference.tokenizer import Window
from edge_runtime.tasks.encoder import Encoder, Floats

_LONGEST_ANSWER = 64  # tokens


class SpanAnswer(msgspec.Struct, frozen=True):
    """The answer's characters ``start`` to ``end`` (exclusive) of the context, and its score.

    ``score`` is the best span's logit minus that of "no answer" (the first token), as a model
    trained on questions without an answer means it (SQuAD 2.0); below 0 there is none.
    """

    text: str
    start: int
    end: int
    score: float


def answer(encoder: Encoder, name: str, question: str, context: str) -> SpanAnswer:
    """Return the best span over all windows of the context.

    Raises:
        BadRequestError: the question alone fills the model.
    """
    head = encoder.bundle.manifest.heads[name]
    windows = encoder.tokenizer.pair_windows(question, context)
    best: tuple[float, int, int] = (-np.inf, 0, 0)
    none = np.inf
    for window, outputs in zip(windows, encoder.run(windows), strict=True):
        logits = outputs[name]
        none = min(none, float(logits[0].sum()))
        best = max(best, best_span(head, window, logits))
    value, start, end = best
    return SpanAnswer(context[start:end], start, end, round(value - none, 4))


def best_span(head: Head, window: Window, logits: Floats) -> tuple[float, int, int]:
    """Return the highest sum of start and end logits ``[tokens, 2]``, and its characters."""
    if head.type != "span":
        raise AssertionError("only a span head has starts and ends")
    inside = np.array([word >= 0 for word in window.words])
    starts = np.where(inside, logits[:, 0], -np.inf)
    ends = np.where(inside, logits[:, 1], -np.inf)
    total = starts[:, None] + ends[None, :]
    near = np.triu(np.ones_like(total, dtype=bool)) & np.tri(
        len(starts), k=_LONGEST_ANSWER - 1, dtype=bool
    )
    total = np.where(near, total, -np.inf)
    first, last = np.unravel_index(int(total.argmax()), total.shape)
    return float(total[first, last]), window.offsets[first][0], window.offsets[last][1]
