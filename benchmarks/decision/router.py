"""Hard against easy: how many questions have to go to the strong model for how much quality.

Measures and names are those of RouteLLM (Ong et al. 2024, arXiv 2406.18665): the performance gap
recovered (PGR) is the share of the difference between the weak and the strong model that a routing
gets back; CPT(x) the share of strong calls at which it is x; APGR its mean over all shares.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks.assistant.sets import Sets
from benchmarks.decision.predictor import Predictor
from edge_export.evaluation.metrics import Booleans, Floats, Score, rounded, score
from edge_export.evaluation.ranking import ranking
from edge_runtime.assistant.reading import difficulty

OURS = "embedding, topic and form"
SHIPPED = "the bundle's head"  # what a device routes by

_HEAD = "difficulty"
_LINES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
_SEED = 13
_DIRECTORY = "routellm_mmlu"
_FOLDS = 5
_QUALITY = 0.95  # of the strong model's


@dataclass(frozen=True)
class Questions:
    """Questions of a split, with who answered them rightly: ``[questions]``."""

    texts: list[str]
    weak: Booleans
    strong: Booleans


class Router(msgspec.Struct, frozen=True):
    """What a predictor of "the small model is right" is worth.

    ``auroc`` of that prediction; ``cpt`` the share of strong calls for 50, 80 and 95 % of the gap;
    ``quality95`` that for 95 % of the strong model's own accuracy; ``curve`` the accuracy at 0, 5,
    ... 100 % of strong calls. ``crossed`` is the AUROC in five folds of the training questions.
    """

    name: str
    auroc: Score | None
    apgr: float
    cpt: dict[str, float]
    quality95: float
    curve: list[float]
    crossed: Score | None = None


class Line(msgspec.Struct, frozen=True):
    """What a worker's ``--strong-above`` gives with the difficulty that a node predicts.

    ``strong`` is the share of strong calls, ``quality`` the accuracy as a share of the strong
    model's own.
    """

    above: float
    strong: float
    quality: float


def read_questions(data: Path, split: str) -> Questions:
    """Return the questions of a split."""
    lines = (data / _DIRECTORY / f"{split}.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    rows = [json.loads(line) for line in lines]
    return Questions(
        [row["prompt"] for row in rows],
        np.array([row["weak_correct"] for row in rows]),
        np.array([row["strong_correct"] for row in rows]),
    )


def routers(sets: Sets) -> list[Router]:
    """Return what each predictor is worth, with chance and hindsight beside them."""
    train, test = read_questions(sets.data, "train"), read_questions(sets.data, sets.split)
    scores = {"TF-IDF and logistic regression": _tf_idf(train, test)}
    known, asked = (_vectors(sets, each) for each in (train, test))
    ours = Predictor(train.texts, known, train.weak)
    scores[OURS] = ours.predict(test.texts, asked)
    if _HEAD in sets.encoder.bundle.manifest.heads:
        scores[SHIPPED] = _easy(sets, test.texts)
        alone = [text.partition("\nA. ")[0] for text in test.texts]
        scores["the bundle's head, without the options"] = _easy(sets, alone)
        both = _standard(scores[SHIPPED])
        scores["head, embedding, topic and form"] = both + _standard(scores[OURS])
    found = [
        _router(name, values, test, crossed=_crossed(train, known) if name == OURS else None)
        for name, values in scores.items()
    ]
    hindsight = test.weak.astype(float) - test.strong.astype(float)
    return [*found, _router("hindsight", hindsight, test, is_known=False), _chance(test)]


def lines(sets: Sets) -> list[Line]:
    """Return what each line between cheap and strong is worth, by the shipped difficulty."""
    manifest = sets.encoder.bundle.manifest
    if _HEAD not in manifest.heads:
        return []
    test = read_questions(sets.data, sets.split)
    hard = np.array([difficulty(manifest, e) for e in sets.encode(test.texts, "questions")])
    found = []
    for above in _LINES:
        strong = hard >= above
        accuracy = np.where(strong, test.strong, test.weak).mean() / test.strong.mean()
        found.append(Line(above, rounded(float(strong.mean())), rounded(float(accuracy))))
    return found


def _router(
    name: str,
    easy: Floats,
    test: Questions,
    *,
    is_known: bool = True,
    crossed: Score | None = None,
) -> Router:
    """Send the least easy questions first; ties in random order."""
    order = np.lexsort((np.random.default_rng(_SEED).random(len(easy)), easy))
    gain = np.concatenate(
        [[0], np.cumsum(test.strong[order].astype(int) - test.weak[order].astype(int))]
    )
    accuracy = test.weak.mean() + gain / len(easy)
    auroc = score(ranking(easy, test.weak), len(easy), _SEED) if is_known else None
    return _of_curve(name, auroc, accuracy, test, crossed)


def _chance(test: Questions) -> Router:
    share = np.linspace(0, 1, len(test.weak) + 1)
    weak, strong = float(test.weak.mean()), float(test.strong.mean())
    return _of_curve("chance", None, weak + share * (strong - weak), test)


def _of_curve(
    name: str,
    auroc: Score | None,
    accuracy: Floats,
    test: Questions,
    crossed: Score | None = None,
) -> Router:
    weak, strong = float(test.weak.mean()), float(test.strong.mean())
    recovered = (accuracy - weak) / (strong - weak)
    calls = np.linspace(0, 1, len(accuracy))
    at = np.linspace(0, len(accuracy) - 1, 21).round().astype(int)
    return Router(
        name,
        auroc,
        rounded(float(recovered.mean())),
        {f"{x}": _first(calls, recovered >= x / 100) for x in (50, 80, 95)},
        _first(calls, accuracy >= _QUALITY * strong),
        [rounded(float(each)) for each in accuracy[at]],
        crossed,
    )


def _first(calls: Floats, reached: Booleans) -> float:
    return rounded(float(calls[int(np.argmax(reached))]))


def _tf_idf(train: Questions, test: Questions) -> Floats:
    """Return the log-odds of the usual floor: words and pairs of words, logistic regression."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(words.fit_transform(train.texts), train.weak)
    return np.asarray(model.decision_function(words.transform(test.texts)))


def _crossed(train: Questions, vectors: Floats) -> Score:
    """Return the AUROC on the training questions, each predicted by what the others taught."""
    easy = np.empty(len(train.texts))
    for fold in np.array_split(np.random.default_rng(_SEED).permutation(len(easy)), _FOLDS):
        rest = np.setdiff1d(np.arange(len(easy)), fold)
        model = Predictor([train.texts[i] for i in rest], vectors[rest], train.weak[rest])
        easy[fold] = model.predict([train.texts[i] for i in fold], vectors[fold])
    return score(ranking(easy, train.weak), len(easy), _SEED)


def _vectors(sets: Sets, questions: Questions) -> Floats:
    encodings = sets.encode(questions.texts, "questions")
    return np.stack([each.mean("embedding") for each in encodings]).astype(np.float64)


def _easy(sets: Sets, texts: list[str]) -> Floats:
    logits = [e.mean(_HEAD) for e in sets.encode(texts, "questions")]
    return np.array([each[0] - each[1] for each in logits])


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())
