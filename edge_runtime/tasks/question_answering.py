"""Extractive question answering: the span of a text that answers a question."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from edge_runtime.inference.tokenizer import Window
from edge_runtime.inference.words import trim
from edge_runtime.tasks.encoder import Encoder, Floats

_LONGEST_ANSWER = 64  # tokens
_BEST = 20  # spans of a window that count for the probability, as in SQuAD's own evaluation

Span = tuple[int, int]


class SpanAnswer(msgspec.Struct, frozen=True):
    """The answer's characters ``start`` to ``end`` (exclusive) of the context, and its score.

    ``score`` is the best span's logit minus that of "no answer" (the first token), as a model
    trained on questions without an answer means it (SQuAD 2.0); below 0 there is none.
    ``probability`` is the softmax share of the span among the best ones and "no answer". Without
    an answer, ``answerable`` is false, the text empty, and the probability that of "no answer".
    """

    text: str
    start: int
    end: int
    score: float
    probability: float
    answerable: bool


def answer(
    encoder: Encoder, name: str, question: str, context: str, *, least: float | None = None
) -> SpanAnswer:
    """Return the best span over all windows of the context.

    Below the score ``least`` there is no answer; with None the best span is one whatever its score.

    Raises:
        BadRequestError: the question alone fills the model, or a text is not valid Unicode.
    """
    windows = encoder.tokenizer.pair_windows(question, context)
    found: dict[Span, float] = {}
    none = math.inf
    for window, outputs in zip(windows, encoder.run(windows, [name]), strict=True):
        logits = outputs[name]
        none = min(none, float(logits[0].sum()))
        for span, value in best_spans(context, window, logits):
            found[span] = max(value, found.get(span, -math.inf))
    if not found:  # the context is white space, or nothing that the tokenizer keeps
        return SpanAnswer("", 0, 0, -none, 1.0, answerable=False)
    (start, end), best = max(found.items(), key=lambda pair: pair[1])
    top = max(best, none)
    every = sum(math.exp(value - top) for value in [none, *found.values()])
    score = round(best - none, 4)
    if least is not None and score < least:
        return SpanAnswer("", 0, 0, score, round(math.exp(none - top) / every, 4), answerable=False)
    probability = round(math.exp(best - top) / every, 4)
    return SpanAnswer(context[start:end], start, end, score, probability, answerable=True)


def best_spans(context: str, window: Window, logits: Floats) -> list[tuple[Span, float]]:
    """Return spans of characters, none empty, with their sums of start and end logits, best first.

    ``logits`` are ``[tokens, 2]``. They are the best of a window, as tokens: fewer when some are
    the same characters.
    """
    inside = np.array([word >= 0 for word in window.words])
    starts = np.where(inside, logits[:, 0], -np.inf)
    ends = np.where(inside, logits[:, 1], -np.inf)
    # [tokens, length]: what would be the end of each start
    padded = np.pad(ends, (0, _LONGEST_ANSWER - 1), constant_values=-np.inf)
    total = starts[:, None] + np.lib.stride_tricks.sliding_window_view(padded, _LONGEST_ANSWER)
    flat = total.ravel()
    most = min(_BEST, flat.size)
    best = np.argpartition(-flat, most - 1)[:most]
    spans: dict[Span, float] = {}
    for place in best[np.argsort(-flat[best], kind="stable")]:
        first, length = divmod(int(place), _LONGEST_ANSWER)
        if flat[place] == -np.inf:
            break
        span = trim(context, window.offsets[first][0], window.offsets[first + length][1])
        if span[0] < span[1]:
            spans.setdefault(span, float(flat[place]))
    return list(spans.items())
