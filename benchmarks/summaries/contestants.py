"""Who chooses sentences: our summary, by closeness alone, the first ones, random ones, the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.summaries.rouge import Rouge, Score
from edge_runtime.tasks.embedding import text_vector
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.sentences import join_sentences, split_sentences
from edge_runtime.tasks.summarization import choose, worth

OURS = "ours"
CONTESTANTS = (OURS, "closeness alone", "lead", "random", "best sentence")


class Choosing:
    """Chooses sentences of documents with one encoder; ``seed`` is for the random ones."""

    def __init__(self, encoder: Encoder, head: str, rouge: Rouge, seed: int) -> None:
        self._encoder = encoder
        self._head = head
        self._rouge = rouge
        self._random = np.random.default_rng(seed)

    def scores(self, text: str, references: Sequence[str], count: int) -> dict[str, Score] | None:
        """Return what each contestant's summary scores; None for a text with nothing to choose."""
        sentences = split_sentences(text)
        if len(sentences) <= count:
            return None
        encodings = self._encoder.encode(sentences, [self._head])
        vectors = np.stack([text_vector(self._head, each) for each in encodings])
        alone = [self._rouge.best(sentence, references) for sentence in sentences]
        chosen: dict[str, Sequence[int]] = {
            OURS: choose(vectors, count, worth(sentences)),
            "closeness alone": choose(vectors, count),
            "lead": range(count),
            "random": self._random.permutation(len(sentences))[:count].tolist(),
            "best sentence": [int(np.argmax([score.rouge1 for score in alone]))],
        }
        return {
            name: self._rouge.best(join_sentences([sentences[i] for i in sorted(each)]), references)
            for name, each in chosen.items()
        }
