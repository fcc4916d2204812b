"""Feature extraction: one unit vector for a text."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime.tasks.encoder import Encoding


class Embedding(msgspec.Struct, frozen=True):
    """A vector of length 1; the dot product of two is their cosine similarity."""

    vector: list[float]


def embed(head: str, encoding: Encoding) -> Embedding:
    """Return the embedding of a text of any length."""
    vector = encoding.mean(head)
    vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return Embedding([round(float(value), 6) for value in vector])
