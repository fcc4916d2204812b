"""One encoder and two on the same texts, and what chance makes of the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import msgspec
import numpy as np

from benchmarks.assistant.embedding import embedding_figures
from benchmarks.assistant.sets import DataSet, Sets
from benchmarks.sharing.measures import Measure
from edge_export.evaluation.metrics import Floats, Metric, Score, resamples, rounded, score
from edge_export.train.examples import example_labels
from edge_export.train.parts import Parts
from edge_export.train.recipe import Recipe

_SEED = 13
_MANY_LABELS = 20  # that prototypes of an embedding can be told apart by
_SHOTS = "5"


class Comparison(msgspec.Struct, frozen=True):
    """Scores of one encoder and of two; ``gain`` is by how much two are better, in pairs of texts.

    ``kind`` says which of the two encoders the head is on.
    """

    kind: str
    head: str
    data: str
    metric: str
    n: int
    one: Score
    two: Score
    gain: Score

    @property
    def differs(self) -> int:
        """1 if two encoders are better beyond the interval of 95 %, -1 if worse, else 0."""
        if self.gain.low is None or self.gain.high is None:
            return 0
        return int(self.gain.low > 0) - int(self.gain.high < 0)


@dataclass(frozen=True)
class Compared:
    """A comparison with the gain in each of the bootstrap's samples, ``[samples]``."""

    comparison: Comparison
    gains: Floats


def compare(kind: str, one: Iterable[Measure], two: Iterable[Measure]) -> Iterator[Compared]:
    """Yield a comparison for each measure that both have."""
    ours = {(each.head, each.data, each.name): each for each in one}
    for their in two:
        our = ours[their.head, their.data, their.name]
        gain = _difference(our.metric, their.metric)
        n = their.n
        yield Compared(
            Comparison(
                kind,
                their.head,
                their.data,
                their.name,
                n,
                *(score(metric, n, _SEED) for metric in (our.metric, their.metric, gain)),
            ),
            np.array([gain.of(weights) for weights in resamples(n, _SEED)]),
        )


def compare_embeddings(
    kind: str, one: Sets, two: Sets, recipe: Recipe, parts: Parts
) -> Iterator[Comparison]:
    """Yield the accuracy of prototypes of five texts, on sources with many labels."""
    if not {"embedding"} <= recipe.heads.keys():
        return
    for source in recipe.sources:
        train, held_out = (rows.get(source.name, []) for rows in (parts.train, parts.held_out))
        labels = frozenset(label for example in train for label in example_labels(example))
        labelled = recipe.heads[source.head].type == "classification"
        if not labelled or len(labels) < _MANY_LABELS or not held_out:
            continue
        data = DataSet(source.name, source.head, held_out, [], labels, train)
        found = [
            figure for figure in embedding_figures(two, one, data) if f" {_SHOTS}:" in figure.metric
        ]
        own, other, gain = found
        yield Comparison(
            kind, own.head, own.data, own.metric, own.n, other.score, own.score, gain.score
        )


def mean_gain(compared: Sequence[Compared]) -> Score:
    """Return the mean over all comparisons, each counted once, with its interval."""
    gains = np.mean([each.gains for each in compared], axis=0)
    values = [each.comparison.gain.value or 0.0 for each in compared]
    low, high = np.nanquantile(gains, [0.025, 0.975])
    return Score(rounded(fmean(values)), rounded(low), rounded(high))


def _difference(one: Metric, two: Metric) -> Metric:
    return Metric(lambda weights: two.of(weights) - one.of(weights))
