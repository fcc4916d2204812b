"""Free questions: would a small model on this device answer right?

The head ``difficulty`` has learned which questions a small model answers right. It counts only
where a generation bundle is the local answerer; without one every free question goes to the large
model. What is to be decided about such a question is this ease as its confidence, with the head's
own calibration. Its guarantee is about the generated answer if ``needs_large_model`` of the head
names the label of hard questions: of those that are kept at most ``alpha`` are answered wrong, by a
model like the one whose answers the head has learned from.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.routing.confidence import confidence

HEAD = "difficulty"
EASY = "easy"


def ease(logits: npt.NDArray[np.floating], head: Head, calibration: Calibration | None) -> float:
    """Return the probability that a small model is right, from the head's two logits."""
    sure = confidence(logits, head, calibration)
    return sure if head.labels[int(np.argmax(logits))] == EASY else 1.0 - sure
