"""The sentence embedding: intents of a few examples, told apart by the nearest mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from benchmarks.assistant.figures import Figure, figure
from benchmarks.assistant.sets import DataSet, Sets
from edge_export.evaluation.metrics import Floats, Metric, ratio
from edge_export.train.examples import Example

_SHOTS = (1, 5, 20)
_DRAWS = 5  # of the examples, as one example says little about the next
_SEED = 13
_HEAD = "embedding"


def embedding_figures(sets: Sets, base: Sets | None, data: DataSet) -> Iterator[Figure]:
    """Yield the accuracy of prototypes of 1, 5 and 20 training examples, on all texts of the split.

    ``base`` is what the bundle was made of: then also by how much the accuracy is above its own.
    """
    taught = _drawn(data.trained)
    asked = [each for each in data.examples if each.label in taught]
    if not asked:
        return
    ours = _right(sets, taught, asked, data.name)
    theirs = _right(base, taught, asked, data.name) if base is not None else {}
    n = len(asked)
    for shots, right in ours.items():
        metric = f"prototypes of {shots}: accuracy"
        yield figure(_HEAD, data.name, metric, n, _mean(right))
        if shots in theirs:
            yield figure(f"{_HEAD} of the base", data.name, metric, n, _mean(theirs[shots]))
            gain = f"prototypes of {shots}: above the base"
            yield figure(_HEAD, data.name, gain, n, _mean(right - theirs[shots]))


def _drawn(examples: list[Example]) -> dict[str, list[str]]:
    """Return as many texts of each label as the most shots need, in a random order."""
    order = np.random.default_rng(_SEED).permutation(len(examples))
    texts: dict[str, list[str]] = defaultdict(list)
    for label, text in ((examples[i].label, examples[i].text) for i in order):
        if label is not None and label != "oos" and len(texts[label]) < max(_SHOTS):
            texts[label].append(text)
    return dict(texts)


def _right(
    sets: Sets, taught: dict[str, list[str]], asked: list[Example], title: str
) -> dict[int, Floats]:
    """Return for each number of shots in which share of the draws a text is right: ``[texts]``."""
    vectors = {label: _vectors(sets, texts, f"{title}: {label}") for label, texts in taught.items()}
    questions = _vectors(sets, [each.text for each in asked], title)
    labels = np.array(list(taught))
    truth = np.array([each.label for each in asked])
    rng = np.random.default_rng(_SEED)
    found = {}
    for shots in _SHOTS:
        hits = np.zeros(len(asked))
        for _ in range(_DRAWS):
            means = np.stack([_prototype(each, shots, rng) for each in vectors.values()])
            hits += labels[(questions @ means.T).argmax(axis=1)] == truth
        found[shots] = hits / _DRAWS
    return found


def _vectors(sets: Sets, texts: list[str], title: str) -> Floats:
    vectors = np.stack([each.mean(_HEAD) for each in sets.encode(texts, title)])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float64)


def _prototype(vectors: Floats, shots: int, rng: np.random.Generator) -> Floats:
    mean = vectors[rng.permutation(len(vectors))[:shots]].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _mean(values: Floats) -> Metric:
    return Metric(lambda weights: ratio(float(weights @ values), float(weights.sum())))
