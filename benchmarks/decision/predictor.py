"""A predictor of "the small model is right" from a question's embedding, topic and form."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from edge_export.evaluation.metrics import Booleans, Floats

_TOPICS = 60  # about as many as the data set has subjects, whose names a device is not told
_DIVISIONS = 4  # into topics, from different starts: which is best nobody knows
_COMPONENTS = 20  # of the embedding: few questions teach few weights
_FORM_SCALE = 3.0  # form is worth more than any component, so it is regularised less
_INVERSE_RIDGE = 0.3
_SEED = 13

_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        r"\?\s*\nA\.",
        r"_",
        r"(?i) not |except",
        r"(?i)\bI\b.*\bII\b|statement 1",
        r"(?i)all of the above|none of",
        r"[=+*/^\\<>]",
        r"(?i)^(which|what|who|when|where|how|why)\b",
        r"(?i)how many|calculate|find the|compute|probability|value of",
        r"(?i)true|false",
        r"(?i)which of the following",
    )
]


class Predictor:
    """A logistic model over topics, components and form, fitted on questions with their outcomes.

    ``vectors`` are embeddings ``[questions, hidden]``, ``right`` whether the small model was.
    """

    def __init__(self, texts: Sequence[str], vectors: Floats, right: Booleans) -> None:
        shape = _form(texts)
        self._form = StandardScaler().fit(shape)
        self._components = PCA(_COMPONENTS, random_state=_SEED).fit(vectors)
        self._spread = float(self._components.transform(vectors).std())
        self._topics = [
            KMeans(_TOPICS, n_init=1, random_state=_SEED + i).fit(_unit(vectors))
            for i in range(_DIVISIONS)
        ]
        self._model = LogisticRegression(C=_INVERSE_RIDGE, max_iter=3000)
        self._model.fit(self._inputs(shape, vectors), right)

    def predict(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """Return the log-odds ``[questions]`` that the small model is right."""
        return np.asarray(self._model.decision_function(self._inputs(_form(texts), vectors)))

    def _inputs(self, form: Floats, vectors: Floats) -> Floats:
        near = [np.eye(_TOPICS)[each.predict(_unit(vectors))] for each in self._topics]
        return np.hstack(
            [
                _FORM_SCALE * self._form.transform(form),
                self._components.transform(vectors) / self._spread,
                *(each / np.sqrt(_DIVISIONS) for each in near),
            ]
        )


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _form(texts: Sequence[str]) -> Floats:
    """Return what is seen without reading: lengths, digits and capitals, kinds of question."""
    return np.array([_of_form(text) for text in texts])


def _of_form(text: str) -> list[float]:
    question, _, rest = text.partition("\nA. ")
    options = re.findall(r"(?m)^[A-D]\. (.*)$", f"A. {rest}")
    lengths = [len(option) for option in options] or [0]
    words, letters = question.split() or [""], max(len(question), 1)
    digits = sum(letter.isdigit() for letter in question)
    spoken = " ".join(options).lower().split()
    return [
        np.log1p(len(words)),
        np.log1p(len(question)),
        digits / letters,
        np.log1p(digits),
        sum(letter.isupper() for letter in question) / letters,
        float(question.count("\n")),
        float(np.mean([len(word) for word in words])),
        float(sum(any(letter.isdigit() for letter in option) for option in options)),
        np.log1p(np.mean(lengths)),
        np.log1p(max(lengths)) - np.log1p(min(lengths)),
        len(set(spoken)) / max(len(spoken), 1),
        *(float(bool(pattern.search(text))) for pattern in _PATTERNS),
    ]
