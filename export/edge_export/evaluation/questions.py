"""Span heads on questions with the right answers."""

from __future__ import annotations

import math
import string
import time
from collections import Counter

import numpy as np
from tqdm import tqdm

from edge_export.evaluation.measurement import Data, Measurement, Mistake
from edge_export.evaluation.metrics import Metric, ratio, share
from edge_export.train.rows import Row, read_rows
from edge_runtime.errors import ConfigError
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.question_answering import answer


def evaluate_question_answering(encoder: Encoder, name: str, data: Data) -> Measurement:
    """Score a span head as SQuAD does: exact match and F1 of words, best over the right answers.

    Rows are JSON with ``question``, the text or ``context``, and ``answers``: a list of texts, or
    an object with that list under ``text``. An empty list means that the text has no answer; in a
    file with such rows a score below 0 says the same.

    Raises:
        ConfigError: a row lacks one of these; names the line.
    """
    rows = list(read_rows(data.path))
    if not rows:
        raise ConfigError(f"{data.path} has no rows")
    asked = [(row.text("question"), row.text(data.text, "context")) for row in rows]
    wanted = [_answers(row, data.label) for row in rows]
    may_refuse = not all(wanted)
    said, sure, ms = [], [], []
    for question, context in tqdm(asked, desc="evaluate", unit="question"):
        started = time.perf_counter()
        found = answer(encoder, name, question, context)
        ms.append((time.perf_counter() - started) * 1e3)
        said.append("" if may_refuse and found.score < 0 else found.text)
        sure.append(0.5 * (1 + math.tanh(0.5 * found.score)))
    f1 = np.array([max(_word_f1(text, right) for right in each or [""])
                   for text, each in zip(said, wanted, strict=True)])  # fmt: skip
    exact = np.array([_words(text) in [_words(right) for right in each or [""]]
                      for text, each in zip(said, wanted, strict=True)])  # fmt: skip
    return Measurement(
        [question for question, _ in asked],
        np.array(ms),
        {"exact_match": share(exact), "f1": Metric(lambda w: ratio(w @ f1, w.sum()))},
        [
            Mistake(asked[i][0], (wanted[i] or [""])[0], said[i], round(sure[i], 4))
            for i in np.flatnonzero(~exact)
        ],
    )


def _answers(row: Row, column: str | None) -> list[str]:
    """Return the right answers of a row.

    Raises:
        ConfigError: they are not there.
    """
    found = row.fields.get(column or "answers")
    texts = found.get("text") if isinstance(found, dict) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"{row.place}: no list of texts under {column or 'answers'!r}")
    return texts


def _words(text: str) -> list[str]:
    """Return the words that count: no letter case, punctuation or articles."""
    kept = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return [word for word in kept.split() if word not in {"a", "an", "the"}]


def _word_f1(text: str, right: str) -> float:
    said, wanted = Counter(_words(text)), Counter(_words(right))
    both = (said & wanted).total()
    return 2 * both / (said.total() + wanted.total()) if both else float(said == wanted)
