"""The likeliest sequence of BIO tags, in which an I- follows only its own B- or I-."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_runtime.tasks.encoder import Floats

Indices = npt.NDArray[np.intp]

_NEVER = -1e9


@dataclass(frozen=True)
class _Scheme:
    """``begins[tag]`` is the B- of an I-, and -1 for all other tags."""

    begins: Indices
    inside: Indices


def best_path(scores: Floats, labels: tuple[str, ...]) -> Indices:
    """Return the tags ``[words]`` of the highest sum of log-probabilities ``[words, labels]``.

    Viterbi's algorithm, which is only run where the best tag of each word alone breaks the rule.
    """
    scheme = _scheme(labels)
    best: Indices = scores.argmax(axis=-1)
    wanted = scheme.begins[best]
    before = np.concatenate([[-1], best[:-1]])
    if ((wanted < 0) | (before == wanted) | (before == best)).all():
        return best
    return _viterbi(scores, scheme)


def _viterbi(scores: Floats, scheme: _Scheme) -> Indices:
    words, count = scores.shape
    inside, begins = scheme.inside, scheme.begins[scheme.inside]
    came_from = np.zeros((words, count), dtype=np.intp)
    total = scores[0].copy()
    total[inside] = _NEVER
    for word in range(1, words):
        came_from[word] = total.argmax()
        step = np.full(count, total.max()) + scores[word]
        goes_on = total[inside] >= total[begins]
        came_from[word, inside] = np.where(goes_on, inside, begins)
        step[inside] = np.maximum(total[inside], total[begins]) + scores[word, inside]
        total = step
    path = np.empty(words, dtype=np.intp)
    path[-1] = total.argmax()
    for word in range(words - 1, 0, -1):
        path[word - 1] = came_from[word, path[word]]
    return path


@lru_cache(maxsize=32)
def _scheme(labels: tuple[str, ...]) -> _Scheme:
    index = {label: i for i, label in enumerate(labels)}
    begins = np.array([index.get(f"B-{x[2:]}", -1) if x[:2] == "I-" else -1 for x in labels])
    return _Scheme(begins.astype(np.intp), np.flatnonzero(begins >= 0))
