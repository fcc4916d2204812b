"""Penalties on tokens that were there before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_runtime.inference.sampling import Floats, Sampling

_NEUTRAL = Sampling()
_Number = TypeVar("_Number", np.int64, np.float32)


class Penalties:
    """What a ``Sampling`` takes off the logits of tokens in prompt and output.

    The repetition penalty divides positive logits and multiplies negative ones (Keskar et al. 2019,
    as in transformers) for tokens of prompt and output; presence and frequency are subtracted for
    tokens of the output, once and once for each time (OpenAI, vLLM). The cost grows with the
    number of different tokens seen, not with the vocabulary.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._repetition = np.float32(sampling.repetition_penalty)
        self._presence = np.float32(sampling.presence_penalty)
        self._frequency = np.float32(sampling.frequency_penalty)
        self.is_neutral = (
            sampling.repetition_penalty == _NEUTRAL.repetition_penalty
            and sampling.presence_penalty == _NEUTRAL.presence_penalty
            and sampling.frequency_penalty == _NEUTRAL.frequency_penalty
        )
        self._places: dict[int, int] = {token: n for n, token in enumerate(dict.fromkeys(prompt))}
        self._count = len(self._places)
        self._ids = np.fromiter(self._places, dtype=np.int64, count=self._count)
        self._made = np.zeros(self._count, dtype=np.float32)

    def add(self, token: int) -> None:
        """Note a token of the output."""
        if self.is_neutral:
            return
        place = self._places.setdefault(token, self._count)
        if place == self._count:
            self._count += 1
            self._reserve()
            self._ids[place] = token
        self._made[place] += 1

    def apply(self, logits: Floats) -> None:
        """Change logits ``[vocabulary]`` in place."""
        if self.is_neutral:
            return
        ids, made = self._ids[: self._count], self._made[: self._count]
        values: npt.NDArray[np.float32] = logits[ids]
        values = np.where(values < 0, values * self._repetition, values / self._repetition)
        values -= self._frequency * made
        values -= self._presence * (made > 0)
        logits[ids] = values

    def _reserve(self) -> None:
        if self._count > len(self._ids):
            size = max(64, 2 * self._count)
            self._ids = _longer(self._ids, size)
            self._made = _longer(self._made, size)


def _longer(array: npt.NDArray[_Number], size: int) -> npt.NDArray[_Number]:
    longer = np.zeros(size, dtype=array.dtype)
    longer[: len(array)] = array
    return longer
