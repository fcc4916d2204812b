"""All labelled texts of a head, as the pool that calibrations are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.assistant.sets import DataSet
from edge_export.evaluation.metrics import Booleans, Floats
from edge_export.train.evaluation import judge
from edge_runtime.bundles.manifest import Head, Manifest
from edge_runtime.routing.confidence import features


@dataclass(frozen=True)
class Pool:
    """What a head says on its texts: all ``[texts]``.

    ``given`` are answers that a device gives (not out of scope, not for the large model); a text
    that is out of scope and answered all the same is a mistake.
    """

    name: str
    head: Head
    features: dict[str, Floats]
    logits: Floats
    correct: Booleans
    given: Booleans
    in_scope: Booleans
    source: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.correct)


def pool_of(name: str, sets: Sequence[DataSet], manifest: Manifest) -> Pool:
    """Return the pool of a classification head over its data sets."""
    head = manifest.heads[name]
    judged = [judge(name, head, data.examples, data.encodings) for data in sets]
    logits = np.concatenate([each.logits for each in judged])
    return Pool(
        name,
        head,
        features(logits, head),
        logits,
        np.concatenate([each.correct for each in judged]),
        np.concatenate([each.given for each in judged]),
        np.concatenate([each.in_scope for each in judged]),
        np.concatenate([np.full(len(data.examples), data.name) for data in sets]),
    )
