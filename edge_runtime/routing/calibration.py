"""Calibration: fit a confidence on one half of labelled data, prove a threshold on the other.

Learn-then-Test with a fixed sequence (Angelopoulos et al. 2021): thresholds are tested from strict
to loose with the exact binomial tail, and the last one before the first failure is taken. Answers
at or above it are wrong with probability at most alpha, with certainty 1 - delta, on data like the
calibration data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_GRID = 200
_RIDGE = 1e-3
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Threshold:
    """``value`` is None when no threshold passed; ``coverage`` is the accepted share."""

    value: float | None
    coverage: float
    n: int


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
    passed: float | None = None
    for value in _grid(*fitted, alpha=alpha, delta=delta):
        accepted = confidence >= value
        n = int(accepted.sum())
        errors = int((~correct[accepted]).sum())
        if n == 0 or binomial_tail(errors, n, alpha) > delta:
            break
        passed = value
    accepted = confidence >= passed if passed is not None else np.zeros(len(confidence), bool)
    return Threshold(passed, float(accepted.mean()), len(confidence))


def fewest_samples(alpha: float, delta: float) -> int:
    """Return how many accepted samples without any error it takes at least: 59 for .05 and .05."""
    return math.ceil(math.log(delta) / math.log(1 - alpha))


def binomial_tail(errors: int, n: int, alpha: float) -> float:
    """Return P(X <= errors) for X ~ Binomial(n, alpha): the p-value of "the risk is over alpha"."""
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        + k * math.log(alpha) + (n - k) * math.log1p(-alpha)
        for k in range(errors + 1)
    ]  # fmt: skip
    top = max(logs)
    return min(1.0, math.exp(top) * math.fsum(math.exp(value - top) for value in logs))


def auroc(score: Floats, positive: Booleans) -> float:
    """Return the probability that a positive scores higher than a negative, ties half."""
    ordered = np.sort(score[~positive])
    below = np.searchsorted(ordered, score[positive], side="left")
    ties = np.searchsorted(ordered, score[positive], side="right") - below
    return float((below + 0.5 * ties).mean() / max(len(ordered), 1))


def _grid(confidence: Floats, correct: Booleans, *, alpha: float, delta: float) -> list[float]:
    """Return thresholds from strict to loose, from where this split is surest of passing.

    Stricter ones would only give the sequence more chances to end before it gets here.
    """
    ordered = np.sort(confidence)[::-1]
    fewest = fewest_samples(alpha, delta)
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
