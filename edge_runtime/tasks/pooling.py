"""One vector for a text from those of its tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Pooling

Floats = npt.NDArray[np.float32]


def pooled(states: Floats, pooling: Pooling) -> Floats:
    """Return the vector ``[hidden]`` of token vectors ``[tokens, hidden]``, none of padding."""
    if pooling == "cls":
        return np.asarray(states[0])
    if pooling == "lasttoken":
        return np.asarray(states[-1])
    if pooling == "max":
        return np.asarray(states.max(axis=0))
    return np.asarray(states.mean(axis=0))


def unit(vector: Floats) -> Floats:
    """Return a vector at length 1; that of no length stays as it is."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), dtype=np.float32)
