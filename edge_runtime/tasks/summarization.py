"""Extractive summarization: the sentences that stand closest to the whole, without repetition."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime.tasks.embedding import text_vector
from edge_runtime.tasks.encoder import Encoder, Floats
from edge_runtime.tasks.sentences import join_sentences, split_sentences

DEFAULT_SENTENCES = 2

_REDUNDANCY = 0.3  # weight of similarity to what is already chosen (maximal marginal relevance)
_SAME = 0.95  # cosine from which on two sentences say the same
_LEAD = 0.05  # the first sentence usually carries the topic


class Summary(msgspec.Struct, frozen=True):
    """Sentences of the text itself, in its order, and joined; ``of`` is how many there were."""

    text: str
    sentences: list[str]
    of: int


def summarize(encoder: Encoder, head: str, text: str, count: int = DEFAULT_SENTENCES) -> Summary:
    """Return at most ``count`` sentences (Carbonell and Goldstein 1998, on sentence vectors).

    Raises:
        BadRequestError: the text is not valid Unicode, or holds nothing that can be read.
    """
    sentences = split_sentences(text)
    if len(sentences) <= count:
        return Summary(join_sentences(sentences), sentences, len(sentences))
    encodings = encoder.encode(sentences, [head])
    chosen = choose(np.stack([text_vector(head, each) for each in encodings]), count)
    kept = [sentences[i] for i in sorted(chosen)]
    return Summary(join_sentences(kept), kept, len(sentences))


def choose(vectors: Floats, count: int) -> list[int]:
    """Return indices of at most ``count`` rows of unit vectors ``[sentences, hidden]``, best first.

    What says the same as a chosen row is left out, so there may be fewer.
    """
    centre = vectors.mean(axis=0)
    relevance = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
    relevance[0] += _LEAD
    repeated = np.zeros_like(relevance)
    chosen: list[int] = []
    while len(chosen) < min(count, len(vectors)):
        gain = (1 - _REDUNDANCY) * relevance - _REDUNDANCY * repeated
        gain[repeated > _SAME] = -np.inf
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        if gain[best] == -np.inf:
            break
        chosen.append(best)
        # one row at a time: all similarities of a long text would fill the memory
        repeated = np.maximum(repeated, vectors @ vectors[best])
    return chosen
