"""Zero-shot classification: labels that a model was never trained on, by what they mean."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Candidate
from edge_runtime.tasks.classification import Classification, softmax
from edge_runtime.tasks.embedding import text_vector
from edge_runtime.tasks.encoder import Encoder, Floats
from edge_runtime.tasks.pooling import unit

MOST_LABELS = 256
MOST_SENTENCES = 1024

# of the cosines; the lowest log loss on CLINC150 is at .07 for ten domains, .05 for 150 intents
_TEMPERATURE = 0.06
_KEPT = 2048  # vectors of label texts, 384 numbers each: 3 MB
_CANDIDATES = 3

Labels = Mapping[str, Sequence[str]]
"""What each label means: descriptions or example sentences, at least one."""


class ZeroShotClassifier:
    """Compares a text with the meanings of labels in the space of an embedding head.

    What the labels' texts give is kept, so that a query with known labels costs one forward pass;
    threads may share it.
    """

    def __init__(self, encoder: Encoder, head: str) -> None:
        self._encoder = encoder
        self._head = head
        self._vectors: OrderedDict[str, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def classify(self, text: str, labels: Labels) -> Classification:
        """Return the label whose meaning is nearest, with softmax scores over all of them.

        A label's vector is the mean of those of its texts (Snell et al. 2017). The scores only rank
        the labels: they are not calibrated, and one of them is always best.

        Raises:
            BadRequestError: fewer than two labels, too many, or one without a text.
        """
        check_labels(labels)
        query = text_vector(self._head, self._encoder.encode([text], [self._head])[0])
        cosines = np.stack([self._prototype(texts) for texts in labels.values()]) @ query
        scores = softmax(cosines / _TEMPERATURE)
        names = list(labels)
        ranked = [
            Candidate(names[i], round(float(scores[i]), 4))
            for i in np.argsort(-scores, kind="stable")[:_CANDIDATES]
        ]
        return Classification("labels", ranked[0].label, ranked[0].score, ranked)

    def _prototype(self, texts: Sequence[str]) -> Floats:
        return unit(np.mean([self._vector(text) for text in texts], axis=0))

    def _vector(self, text: str) -> Floats:
        with self._lock:
            found = self._vectors.get(text)
            if found is not None:
                self._vectors.move_to_end(text)
                return found
        # alone: beside others, an int8 model would give what depends on them
        vector = text_vector(self._head, self._encoder.encode([text], [self._head])[0])
        with self._lock:
            self._vectors[text] = vector
            if len(self._vectors) > _KEPT:
                self._vectors.popitem(last=False)
        return vector


def check_labels(labels: Labels) -> None:
    """Refuse labels that cannot be told apart.

    Raises:
        BadRequestError: fewer than two labels, too many, or one without a text.
    """
    if not 1 < len(labels) <= MOST_LABELS:
        raise BadRequestError(
            f"{len(labels)} different labels are too few or too many; give 2 to {MOST_LABELS}"
        )
    if sum(len(texts) for texts in labels.values()) > MOST_SENTENCES:
        raise BadRequestError(f"the labels have more than {MOST_SENTENCES} sentences together")
    for name, texts in labels.items():
        if not name.strip() or not texts or not all(text.strip() for text in texts):
            raise BadRequestError(f"label {name!r} has no description")
