"""Calibration: fit a confidence on one part of labelled data, prove a threshold on the other.

Learn-then-Test with a fixed sequence (Angelopoulos et al. 2021): thresholds are tested from strict
to loose with the exact binomial tail, and the last one before the first failure is taken. Answers
at or above it are wrong with probability at most alpha, with certainty 1 - delta, on data like the
calibration data.

The test is that of Clopper and Pearson (1934): their upper bound of an error rate is the p at which
``binomial_tail`` falls to delta, and the tail falls as p grows, so "tail at alpha <= delta" and
"upper bound <= alpha" are the same statement (``upper_bound`` computes the second).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_GRID = 200
_RIDGE = 1e-3
_NEWTON_STEPS = 50
_BISECTIONS = 60
_LOG_TEMPERATURE = math.log(100)


@dataclass(frozen=True)
class Threshold:
    """``value`` is None when no threshold passed.

    Of ``n`` held-out samples ``accepted`` lie at or above it, and ``errors`` of these are wrong.
    """

    value: float | None
    n: int
    accepted: int
    errors: int

    @property
    def coverage(self) -> float:
        """The accepted share."""
        return self.accepted / self.n if self.n else 0.0


def fit_logistic(inputs: Floats, correct: Booleans) -> tuple[Floats, float]:
    """Return weights ``[features]`` and bias of P(correct) for inputs ``[samples, features]``.

    Newton's method on standardised features with a small ridge.
    """
    mean, spread = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-9)
    design = np.column_stack([(inputs - mean) / spread, np.ones(len(inputs))])
    target = correct.astype(np.float64)
    ridge = _RIDGE * np.eye(design.shape[1]) * len(inputs)
    ridge[-1, -1] = 0.0
    beta = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = 0.5 * (1.0 + np.tanh(0.5 * design @ beta))
        gradient = design.T @ (p - target) + ridge @ beta
        curvature = (design * np.maximum(p * (1 - p), 1e-9)[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        beta -= step
        if float(np.abs(step).max()) < 1e-9:  # noqa: PLR2004
            break
    weights = beta[:-1] / spread
    return weights, float(beta[-1] - weights @ mean)


def learn_threshold(
    fitted: tuple[Floats, Booleans],
    held_out: tuple[Floats, Booleans],
    *,
    alpha: float,
    delta: float,
) -> Threshold:
    """Return the loosest threshold whose selective error is shown to be at most ``alpha``.

    Both arguments are (confidence, correct) ``[samples]``: ``fitted`` may have been used to make
    the confidence and chooses the grid, ``held_out`` must not have been and does the testing.
    """
    confidence, correct = held_out
    passed = Threshold(None, len(confidence), 0, 0)
    # so many that as many of the held-out samples are left as it takes
    fewest = math.ceil(fewest_samples(alpha, delta) * len(fitted[0]) / max(len(confidence), 1))
    for value in _grid(*fitted, alpha=alpha, fewest=max(fewest, 1)):
        right = correct[confidence >= value]
        errors = int((~right).sum())
        if len(right) == 0 or binomial_tail(errors, len(right), alpha) > delta:
            break
        passed = Threshold(value, len(confidence), len(right), errors)
    return passed


def fewest_samples(alpha: float, delta: float) -> int:
    """Return how many accepted samples without any error it takes at least: 59 for .05 and .05."""
    return math.ceil(math.log(delta) / math.log(1 - alpha))


def binomial_tail(errors: int, n: int, alpha: float) -> float:
    """Return P(X <= errors) for X ~ Binomial(n, alpha): the p-value of "the risk is over alpha"."""
    k = np.arange(errors + 1)
    factorials = _log_factorials(n)
    logs = factorials[n] - factorials[k] - factorials[n - k]
    logs += k * math.log(alpha) + (n - k) * math.log1p(-alpha)
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))


def upper_bound(errors: int, n: int, delta: float) -> float:
    """Return the error rate that is exceeded with probability at most ``delta``.

    The one-sided bound of Clopper and Pearson for ``errors`` among ``n`` samples, by bisection.
    """
    if errors >= n:
        return 1.0
    low, high = errors / n, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if binomial_tail(errors, n, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def fit_temperature(logits: Floats, truth: npt.NDArray[np.int_]) -> float:
    """Return the T for which softmax(logits / T) gives the true labels the highest likelihood.

    ``logits`` are ``[samples, labels]``, ``truth`` the indices ``[samples]`` of the labels (Guo et
    al. 2017). The loss is convex in 1 / T: its slope is bisected, between T = 0.01 and T = 100,
    which is where T ends when the samples have no mistakes, or nothing right.
    """
    own = logits[np.arange(len(truth)), truth]
    shifted = logits - logits.max(axis=1, keepdims=True)
    low, high = -_LOG_TEMPERATURE, _LOG_TEMPERATURE
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        weights = np.exp(shifted * np.exp(middle))
        expected = (weights * logits).sum(axis=1) / weights.sum(axis=1)
        if float((expected - own).mean()) > 0:
            high = middle
        else:
            low = middle
    return float(np.exp(-0.5 * (low + high)))


def auroc(score: Floats, positive: Booleans) -> float:
    """Return the probability that a positive scores higher than a negative, ties half.

    There has to be at least one of each.
    """
    ordered = np.sort(score[~positive])
    below = np.searchsorted(ordered, score[positive], side="left")
    ties = np.searchsorted(ordered, score[positive], side="right") - below
    return float((below + 0.5 * ties).mean() / len(ordered))


@lru_cache(maxsize=1)
def _table(size: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])


def _log_factorials(n: int) -> Floats:
    """Return log(k!) for every k up to at least ``n``."""
    return _table(1 << max(n, 1).bit_length())


def _grid(confidence: Floats, correct: Booleans, *, alpha: float, fewest: int) -> list[float]:
    """Return thresholds from strict to loose, from where this split is surest of passing.

    Stricter ones would only give the sequence more chances to end before it gets here. None accepts
    so little that fewer than ``fewest`` of these samples are left.
    """
    ordered = np.sort(confidence)[::-1]
    if len(ordered) < fewest:
        return []
    counts = np.unique(np.linspace(fewest, len(ordered), _GRID).astype(int))
    values = [float(ordered[count - 1]) for count in counts]
    tails = []
    for value in values:
        accepted = confidence >= value
        errors = int((~correct[accepted]).sum())
        tails.append(binomial_tail(errors, int(accepted.sum()), alpha))
    return values[int(np.argmin(tails)) :]
