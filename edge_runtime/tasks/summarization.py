"""Extractive summarization: the sentences that stand closest to the whole, without repetition."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from edge_runtime.tasks.encoder import Encoder, Floats

DEFAULT_SENTENCES = 2

_REDUNDANCY = 0.3  # weight of similarity to what is already chosen (maximal marginal relevance)
_LEAD = 0.05  # the first sentence usually carries the topic
# a full stop, not after a one-letter initial or a common abbreviation, before a new sentence
_ABBREVIATIONS = ("[A-Z]", "Mr", "Mrs", "Ms", "Dr", "St", "e\\.g", "i\\.e")
_END = r"(?<=[.!?…。\uff01\uff1f])[\"'\u201d\u2019)\]]*\s+"
_START = r"(?=[\"'\u201c\u2018(\[]?[^\W_a-z])"
_BOUNDARY = re.compile(
    "".join(rf"(?<!\b{short}\.)" for short in _ABBREVIATIONS) + _END + _START + r"|\n{2,}"
)


class Summary(msgspec.Struct, frozen=True):
    """Sentences of the text itself, in its order, and joined."""

    text: str
    sentences: list[str]
    of: int


def summarize(encoder: Encoder, head: str, text: str, count: int = DEFAULT_SENTENCES) -> Summary:
    """Return at most ``count`` sentences (Carbonell and Goldstein 1998, on mean-pooled vectors)."""
    sentences = split_sentences(text)
    if len(sentences) <= count:
        return Summary(" ".join(sentences), sentences, len(sentences))
    vectors = np.stack([encoding.mean(head) for encoding in encoder.encode(sentences)])
    chosen = choose(vectors, count)
    kept = [sentences[i] for i in sorted(chosen)]
    return Summary(" ".join(kept), kept, len(sentences))


def choose(vectors: Floats, count: int) -> list[int]:
    """Return indices of ``count`` rows of unit vectors ``[sentences, hidden]``, best first."""
    centre = vectors.mean(axis=0)
    relevance = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
    relevance[0] += _LEAD
    similarity = vectors @ vectors.T
    chosen: list[int] = []
    while len(chosen) < min(count, len(vectors)):
        repeated = similarity[:, chosen].max(axis=1) if chosen else np.zeros(len(vectors))
        gain = (1 - _REDUNDANCY) * relevance - _REDUNDANCY * repeated
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
    return chosen


def split_sentences(text: str) -> list[str]:
    """Return the sentences, white space collapsed, none empty."""
    start, parts = 0, []
    for match in _BOUNDARY.finditer(text):
        # closing quotes and brackets belong to the sentence that ends
        parts.append(text[start : match.start() + len(match.group().rstrip())])
        start = match.end()
    sentences = (" ".join(part.split()) for part in [*parts, text[start:]])
    return [sentence for sentence in sentences if sentence]
