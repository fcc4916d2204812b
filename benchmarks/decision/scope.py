"""Out-of-scope detection: which score tells best what the bundle does not know."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.assistant.sets import Sets
from benchmarks.decision.pools import Pool
from edge_export.evaluation.metrics import Booleans, Floats, Score, score
from edge_export.evaluation.ranking import ranking
from edge_export.train.examples import read_examples
from edge_export.train.load import load_recipe
from edge_runtime.routing.calibration import fit_logistic

_SEED = 13
_FOLDS = 5
_NEIGHBOURS = 5
_TRAINED = ("CLINC150", "Home Assistant intents")
_PER_LABEL = 40  # training texts of a label that its centroid is the mean of


class ScopeScore(msgspec.Struct, frozen=True):
    """How well a score ranks texts in scope above those outside: AUROC, and what it lets through.

    ``fpr95`` is the share of out-of-scope texts that are accepted when 95 % of those in scope are.
    ``bytes`` is what a bundle would have to carry for it.
    """

    name: str
    auroc: Score
    fpr95: float
    bytes: int


def scope_scores(pool: Pool, embeddings: Floats, sets: Sets) -> list[ScopeScore]:
    """Return every score, the best first; ``embeddings`` are ``[texts, hidden]`` of the pool."""
    scores = {
        "max softmax": pool.features["log_prob"],
        **{name: pool.features[name] for name in ("energy", "margin", "scope")},
    }
    kept = dict.fromkeys(scores, 0)
    known, labels = _trained(sets)
    centroids = np.stack(
        [_unit(known[labels == label].mean(axis=0)) for label in np.unique(labels)]
    )
    scores["nearest centroid"] = (embeddings @ centroids.T).max(axis=1)
    kept["nearest centroid"] = centroids.astype(np.float16).nbytes
    nearest = np.sort(embeddings @ known.T, axis=1)[:, -_NEIGHBOURS:]
    scores[f"{_NEIGHBOURS} nearest texts"] = nearest.mean(axis=1)
    kept[f"{_NEIGHBOURS} nearest texts"] = known.astype(np.float16).nbytes
    logits = ["energy", "scope", "margin", "max softmax"]
    scores["learned from the logits"] = _learned([scores[name] for name in logits], pool.in_scope)
    kept["learned from the logits"] = 0
    everything = [scores[name] for name in (*logits, "nearest centroid")]
    scores["learned with centroids"] = _learned(everything, pool.in_scope)
    kept["learned with centroids"] = kept["nearest centroid"]
    found = [
        ScopeScore(
            name,
            score(ranking(values, pool.in_scope), len(values), _SEED),
            round(_fpr95(values, pool.in_scope), 4),
            kept[name],
        )
        for name, values in scores.items()
    ]
    return sorted(found, key=lambda each: -(each.auroc.value or 0.0))


def _trained(sets: Sets) -> tuple[Floats, np.ndarray]:
    """Return embeddings and labels of training texts, some of each label in scope."""
    recipe = load_recipe("assistant")
    rng = np.random.default_rng(_SEED)
    texts: list[str] = []
    labels: list[str] = []
    for source in (each for each in recipe.sources if each.name in _TRAINED):
        head = recipe.heads[source.head]
        examples = read_examples(source, head, sets.data, split="train")
        for label in sorted({example.label or "" for example in examples} - {"oos"}):
            own = [example.text for example in examples if example.label == label]
            chosen = rng.permutation(len(own))[:_PER_LABEL]
            texts += [own[i] for i in chosen]
            labels += [label] * len(chosen)
    encodings = sets.encode(texts, "training texts")
    return np.stack([each.mean("embedding") for each in encodings]), np.array(labels)


def _learned(columns: Sequence[Floats], inside: Booleans) -> Floats:
    """Return the log-odds of a logistic model, fitted on the other folds."""
    design = np.column_stack(columns)
    result = np.empty(len(inside))
    for test in np.array_split(np.random.default_rng(_SEED).permutation(len(inside)), _FOLDS):
        train = np.setdiff1d(np.arange(len(inside)), test)
        weights, bias = fit_logistic(design[train], inside[train])
        result[test] = design[test] @ weights + bias
    return result


def _fpr95(values: Floats, inside: Booleans) -> float:
    threshold = np.quantile(values[inside], 0.05)
    return float((values[~inside] >= threshold).mean())


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))
