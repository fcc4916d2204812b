"""A batch of texts, timed the same way for every runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.timing import Stopwatch, Timing

Floats = npt.NDArray[np.floating[Any]]


def timed(
    encode: Callable[[Sequence[Sequence[int]]], Floats], case: Mapping[str, Any]
) -> Mapping[str, Timing | object]:
    """Encode the ids of a case repeatedly; ``encode`` returns vectors ``[texts, width]``."""
    ids, repeats = case["ids"], case["repeats"]
    vectors = encode(ids)
    stopwatch = Stopwatch()
    for _ in range(repeats):
        vectors = encode(ids)
    timing = stopwatch.lap(repeats * len(ids))
    first = vectors[0] / np.linalg.norm(vectors[0])
    return {"encode": timing, "vector": [round(float(value), 5) for value in first]}
