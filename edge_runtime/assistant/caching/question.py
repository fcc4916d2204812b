"""What is kept of a question to find its answer again: digests, and a vector in half precision."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.assistant.caching.essence import essence, same_text
from edge_runtime.assistant.caching.known import CacheQuestion

_FORM = np.dtype("<f2")

Floats = npt.NDArray[np.float32]


def question(
    text: str, scope: tuple[object, ...], *, intent: str | None = None, vector: Floats | None = None
) -> CacheQuestion:
    """Return what is kept of a text as it leaves; without a vector only the same text will do."""
    found = essence(text)
    is_likened = vector is not None and bool(found)
    return CacheQuestion(
        scope=_digest(scope),
        text=_digest(same_text(text)),
        essence=_digest((intent, found)) if is_likened else None,
        vector=vector.astype(_FORM).tobytes() if vector is not None and is_likened else None,
    )


def cosines(vectors: list[bytes], to: bytes) -> Floats:
    """Return the cosine of each vector, shape ``[n]``; -1 for one of another length."""
    wanted = np.frombuffer(to, _FORM).astype(np.float32)
    rows = np.full((len(vectors), wanted.size), 0, dtype=np.float32)
    fits = np.array([len(each) == len(to) for each in vectors], dtype=bool)
    for row, each in enumerate(vectors):
        if fits[row]:
            rows[row] = np.frombuffer(each, _FORM)
    return np.where(fits, rows @ wanted, -1).astype(np.float32)


def _digest(value: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()[:16]
