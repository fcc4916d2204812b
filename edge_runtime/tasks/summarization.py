"""Extractive summarization: the sentences that stand closest to the whole, without repetition."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime.tasks.embedding import text_vector
from edge_runtime.tasks.encoder import Encoder, Floats
from edge_runtime.tasks.sentences import join_sentences, split_sentences

DEFAULT_SENTENCES = 2

_REDUNDANCY = 0.3  # weight of similarity to what is already chosen (maximal marginal relevance)
_SAME = 0.95  # cosine from which on two sentences say the same

# What a sentence is worth beside its closeness, in cosines; chosen on the training part of SciTLDR.
_LEAD = 0.05  # the first sentence usually carries the topic
_RECURRING = 0.2  # if all of its words come again in other sentences
_FULL = 0.3  # for a sentence of 12 words or more, less for a shorter one
_FULL_WORDS = 12
_QUESTION = -0.2  # asks, and does not tell
_LONG = -0.005  # for each word past the 30th
_LONG_WORDS = 30
_QUESTION_MARKS = ("?", "\u061f", "\uff1f", "\u037e", "\u2047")
_TELLING = 4  # letters of a word that is more than grammar


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
    vectors = np.stack([text_vector(head, each) for each in encodings])
    chosen = choose(vectors, count, worth(sentences))
    kept = [sentences[i] for i in sorted(chosen)]
    return Summary(join_sentences(kept), kept, len(sentences))


def worth(sentences: Sequence[str]) -> Floats:
    """Return what each sentence is worth by its words and place alone, ``[sentences]`` float32."""
    words = [re.findall(r"\w+", sentence.lower()) for sentence in sentences]
    telling = [{word for word in each if len(word) >= _TELLING} for each in words]
    occurring = Counter(word for each in telling for word in each)
    found = np.zeros(len(sentences), dtype=np.float32)
    for i, (sentence, said, told) in enumerate(zip(sentences, words, telling, strict=True)):
        recurring = sum(occurring[word] > 1 for word in told) / max(1, len(told))
        found[i] = _RECURRING * recurring + _FULL * min(1.0, len(said) / _FULL_WORDS)
        found[i] += _LONG * max(0, len(said) - _LONG_WORDS)
        if sentence.rstrip("\"')\u201d\u00bb").endswith(_QUESTION_MARKS):
            found[i] += _QUESTION
    found[:1] += _LEAD
    return found


def choose(vectors: Floats, count: int, bonus: Floats | None = None) -> list[int]:
    """Return indices of at most ``count`` rows of unit vectors ``[sentences, hidden]``, best first.

    ``bonus`` is added to the cosine of each row with the centre. What says the same as a chosen row
    is left out, so there may be fewer.
    """
    centre = vectors.mean(axis=0)
    relevance = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
    if bonus is not None:
        relevance = relevance + bonus
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
