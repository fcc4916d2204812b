"""The sentence embedding: intents of a few examples, told apart by the nearest mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.assistant.figures import Figure, figure
from benchmarks.assistant.sets import DataSet
from edge_export.evaluation.metrics import Floats, share

_SHOTS = (1, 5, 10)
_SEED = 13


def embedding_figures(data: DataSet, head: str) -> Iterator[Figure]:
    """Yield the accuracy of prototypes of 1, 5 and 10 examples, on the other texts."""
    yield from _figures(data, np.stack([each.mean(head) for each in data.encodings]), head)


def _figures(data: DataSet, vectors: Floats, head: str) -> Iterator[Figure]:
    labels = [example.label or "" for example in data.examples]
    rows: dict[str, list[int]] = defaultdict(list)
    for row in np.random.default_rng(_SEED).permutation(len(labels)):
        rows[labels[row]].append(int(row))
    most = max(_SHOTS)
    known = {label: each for label, each in rows.items() if len(each) > most and label != "oos"}
    asked = [row for each in known.values() for row in each[most:]]
    for shots in _SHOTS:
        names = list(known)
        means = np.stack([_unit(vectors[known[name][:shots]].mean(axis=0)) for name in names])
        found = _nearest(vectors[asked], means, names)
        right = np.array([labels[row] == name for row, name in zip(asked, found, strict=True)])
        metric = f"prototypes of {shots}: accuracy"
        yield figure(head, data.name, metric, len(asked), share(right))


def _nearest(vectors: Floats, means: Floats, names: Sequence[str]) -> list[str]:
    return [names[i] for i in (vectors @ means.T).argmax(axis=1)]


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))
