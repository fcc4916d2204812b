"""What the evaluation of one task hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edge_export.evaluation.metrics import Floats, Metric


@dataclass(frozen=True)
class Data:
    """A labelled file; ``text`` and ``label`` name its columns."""

    path: Path
    text: str = "text"
    label: str | None = None


class Mistake(msgspec.Struct, frozen=True):
    """A text that the model got wrong, and how sure it was."""

    text: str
    truth: str
    answer: str
    confidence: float


class Timed(msgspec.Struct, frozen=True):
    """A text and how long it took, tokenisation included."""

    text: str
    ms: float


@dataclass(frozen=True)
class Measurement:
    """What one task's evaluation hands over; arrays and lists have one entry for each text.

    ``confusion`` ``[labels, labels]`` counts annotated (rows) against answered labels. ``mistakes``
    are only those texts that are wrong, in any order.
    """

    texts: Sequence[str]
    ms: Floats
    metrics: dict[str, Metric]
    mistakes: list[Mistake]
    labels: list[str] = field(default_factory=list)
    confusion: npt.NDArray[np.int64] | None = None
