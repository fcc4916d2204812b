"""Sampling: a row of logits in, the next token out."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.intp]
Sampler = Callable[[Floats], int]

# below it a division would overflow, and nothing but the best token is left anyway
_GREEDY_BELOW = 1e-5
_NUCLEUS = 256  # tokens that nearly always hold the mass top_p
_COLUMNS_PER_TOKEN = 4
_BLOCK = 512


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True,
               omit_defaults=True):  # fmt: skip
    """How the next token is chosen; the defaults are greedy and change nothing.

    ``temperature`` 0 is greedy, ``top_k`` 0 is off. ``repetition_penalty`` is that of transformers
    and sees prompt and output; ``presence_penalty`` and ``frequency_penalty`` are OpenAI's and see
    the output. The same ``seed`` gives the same tokens.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more, not {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 (off) or more, not {self.top_k}")
        for name in ("top_p", "min_p"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if not 0 < self.repetition_penalty < math.inf:
            raise ValueError(f"repetition_penalty must be over 0, not {self.repetition_penalty}")
        for name in ("presence_penalty", "frequency_penalty"):
            if not -2 <= getattr(self, name) <= 2:  # noqa: PLR2004 - OpenAI's range
                raise ValueError(f"{name} must be between -2 and 2, not {getattr(self, name)}")

    @property
    def is_greedy(self) -> bool:
        """True when the most likely token is always taken."""
        return self.temperature < _GREEDY_BELOW


def make_sampler(sampling: Sampling) -> Sampler:
    """Return a function from logits ``[vocabulary]`` to a token.

    It raises BundleError on logits that hold NaN, or that rule out every token.
    """
    if sampling.is_greedy:
        return _best
    random = np.random.default_rng(None if sampling.seed is None else sampling.seed % 2**64)

    def sample(logits: Floats) -> int:
        ids, weights = candidates(sampling, logits)
        place = _draw(weights, random.random())
        return place if ids is None else int(ids[place])

    return sample


def candidates(sampling: Sampling, logits: Floats) -> tuple[Ids | None, Floats]:
    """Return the tokens that may be chosen, and their weights, whose sum is not 1.

    None stands for all tokens in order. The distribution is that of transformers' warpers
    temperature, top_k, top_p and min_p, in this order; only what top_p may keep is sorted.

    Raises:
        BundleError: the logits hold NaN, or rule out every token.
    """
    top = logits[_best(logits)]
    ids: Ids | None = None
    if 0 < sampling.top_k < logits.size:
        ids = _highest(logits, sampling.top_k)
    scores = logits if ids is None else logits[ids]
    weights = _weights(scores, top, sampling.temperature)
    if sampling.top_p < 1:
        keep = _nucleus(weights, sampling.top_p)
        ids, weights = keep if ids is None else ids[keep], weights[keep]
    if sampling.min_p > 0:
        # the best token has weight 1, and to scale them all changes no ratio
        keep = np.flatnonzero(weights >= sampling.min_p)
        ids, weights = keep if ids is None else ids[keep], weights[keep]
    return ids, weights


def _best(logits: Floats) -> int:
    best = int(logits.argmax())
    if not math.isfinite(logits[best]):
        raise BundleError("the logits hold NaN or rule out every token, so there is no next token")
    return best


def _draw(weights: Floats, uniform: float) -> int:
    """Return a place with the probability of its weight, for a number in [0, 1)."""
    if weights.size > _BLOCK:  # find the block first: a running sum of them all is slow
        starts = np.arange(0, weights.size, _BLOCK)
        sums = np.cumsum(np.add.reduceat(weights, starts), dtype=np.float64)
        block = _reaches(sums, uniform * sums[-1])
        before = sums[block - 1] if block else 0.0
        uniform = (uniform * sums[-1] - before) / (sums[block] - before)
        start = int(starts[block])
        return start + _draw(weights[start : start + _BLOCK], uniform)
    sums = np.cumsum(weights, dtype=np.float64)
    return _reaches(sums, uniform * sums[-1])


def _reaches(sums: npt.NDArray[np.float64], target: float) -> int:
    """Return the first place whose sum is over the target, a place of some weight in any case."""
    place = int(sums.searchsorted(target, side="right"))
    return min(place, int(sums.searchsorted(sums[-1])))


def _weights(scores: Floats, top: np.float32, temperature: float) -> Floats:
    with np.errstate(over="ignore"):
        weights: Floats = (scores - top) / np.float32(temperature)
    np.exp(weights, out=weights)
    return weights


def _highest(values: Floats, count: int) -> Ids:
    """Return the places of the ``count`` highest values, and of those equal to the last of them.

    There are at least ``count`` values from the ``count``-th highest maximum of any groups on, so
    that few are left to be partitioned.
    """
    ids: Ids = np.arange(values.size)
    columns = count * _COLUMNS_PER_TOKEN
    if columns * _COLUMNS_PER_TOKEN <= values.size:
        rows = values.size // columns
        maxima = values[: rows * columns].reshape(rows, columns).max(axis=0)
        bound = np.partition(maxima, columns - count)[columns - count]
        ids = np.flatnonzero(values >= bound)
    chosen = values[ids]
    bound = np.partition(chosen, chosen.size - count)[chosen.size - count]
    highest: Ids = ids[chosen >= bound]
    return highest


def _nucleus(weights: Floats, top_p: float) -> Ids:
    """Return the places of the fewest highest weights that hold the share ``top_p`` of all."""
    wanted = top_p * float(weights.sum())
    count = _NUCLEUS
    ids: Ids = np.arange(weights.size)
    while count < weights.size:
        few = _highest(weights, count)
        if weights[few].sum() >= wanted:
            ids = few
            break
        count *= 8
    values = weights[ids]
    falling = np.sort(values)[::-1]
    before = np.cumsum(falling, dtype=np.float64) - falling
    kept = max(int(before.searchsorted(wanted)), 1)
    # of several equal to the last one, as many as are needed
    above, equal = (ids[mask] for mask in (values > falling[kept - 1], values == falling[kept - 1]))
    return np.concatenate([above, equal[: kept - above.size]])
