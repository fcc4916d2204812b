"""How clearly tokens were chosen: a sign of whether a model knows what it writes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_LARGEST = 30.0  # logits apart; beyond it nothing is clearer


class Margins:
    """Of each token, its logit minus that of the best other one: below 0 where another was better.

    Tokens that a grammar or the model's files leave no choice about do not count.
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0
        self._least = _LARGEST

    @property
    def mean(self) -> float | None:
        """The mean margin in logits; None as long as nothing was chosen."""
        return self._sum / self._count if self._count else None

    @property
    def least(self) -> float | None:
        """The smallest margin in logits."""
        return self._least if self._count else None

    def add(self, logits: npt.NDArray[np.float32], token: int) -> None:
        """Note a token that was chosen from logits ``[vocabulary]``, which stay as they are."""
        own = logits[token]
        logits[token] = -np.inf
        other = float(logits.max())
        logits[token] = own
        if math.isfinite(other):
            margin = min(float(own) - other, _LARGEST)
            self._sum += margin
            self._count += 1
            self._least = min(self._least, margin)
