"""Feature extraction: one unit vector for a text."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime.tasks.encoder import Encoding, Floats
from edge_runtime.tasks.pooling import unit


class Embedding(msgspec.Struct, frozen=True):
    """A vector of length 1; the dot product of two is their cosine similarity."""

    vector: list[float]


def embed(head: str, encoding: Encoding) -> Embedding:
    """Return the embedding of a text of any length."""
    vector = text_vector(head, encoding).astype(np.float64)
    return Embedding(vector.round(6).tolist())


def text_vector(head: str, encoding: Encoding) -> Floats:
    """Return the same as a unit vector ``[hidden]``, fp32."""
    return unit(encoding.mean(head))
