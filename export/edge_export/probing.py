"""A linear probe fitted to hidden states; pure.

There are more channels than answers to learn from, so that the probe is ridge-penalised, in the
principal components of its samples, and how strongly is chosen on samples that it was not fitted
on. What it says of its own samples is worthless: whoever goes on with them takes ``crossed``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Probe
from edge_runtime.inference import probe
from edge_runtime.routing.calibration import Booleans, Floats

Integers = npt.NDArray[np.int_]

FOLDS = 5
_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the penalty
_COMPONENTS = 64  # at most; 256 rank no better, and each step takes their square
_FEWEST = 2 * FOLDS  # right ones and wrong ones each: some of both in every fold
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class FittedProbe:
    """``log_odds [samples]`` are by the probe as it is stored, ``crossed`` by probes of others."""

    stored: Probe
    crossed: Floats

    def log_odds(self, states: npt.NDArray[np.float32]) -> Floats:
        """Return what a device reads from states ``[samples, hidden]``, rounded as it does."""
        read = probe.Probe.read(self.stored)
        return np.array([round(read.log_odds(state), 4) for state in states], dtype=np.float64)


def fit_probe(
    states: npt.NDArray[np.float32], right: Booleans, rng: np.random.Generator
) -> FittedProbe | None:
    """Fit a probe to states ``[samples, hidden]``; None where too few are right, or wrong."""
    if min(int(right.sum()), int((~right).sum())) < _FEWEST:
        return None
    mean, spread = states.mean(axis=0), np.maximum(states.std(axis=0), 1e-6)
    scale = spread * np.sqrt(states.shape[1])
    design = np.asarray((states - mean) / scale, dtype=np.float64)
    _, _, axes = np.linalg.svd(design, full_matrices=False)
    axes = axes[:_COMPONENTS]
    components = design @ axes.T
    parts = folds(right, rng)
    every = [_crossed(components, right, parts, strength) for strength in _STRENGTHS]
    best = int(np.argmin([log_loss(each, right) for each in every]))
    inner, bias = _ridge(components, right, _STRENGTHS[best])
    weights = inner @ axes / scale
    return FittedProbe(probe.store(weights, float(bias - weights @ mean)), every[best])


def folds(right: Booleans, rng: np.random.Generator) -> Integers:
    """Return the fold of each sample; right and wrong ones are spread evenly."""
    parts = np.zeros(len(right), dtype=np.int_)
    for among in (right, ~right):
        parts[among] = rng.permutation(int(among.sum())) % FOLDS
    return parts


def splits(parts: Integers) -> Iterator[tuple[Booleans, Booleans]]:
    """Yield which samples fit and which are left out, fold by fold."""
    for part in range(FOLDS):
        yield parts != part, parts == part


def log_loss(log_odds: Floats, right: Booleans) -> float:
    """Return the mean negative log-likelihood, in nats."""
    return float(np.logaddexp(0.0, np.where(right, -log_odds, log_odds)).mean())


def _crossed(inputs: Floats, right: Booleans, parts: Integers, strength: float) -> Floats:
    log_odds = np.zeros(len(right))
    for fit, rest in splits(parts):
        weights, bias = _ridge(inputs[fit], right[fit], strength)
        log_odds[rest] = inputs[rest] @ weights + bias
    return log_odds


def _ridge(inputs: Floats, right: Booleans, strength: float) -> tuple[Floats, float]:
    """Return weights and bias of a logistic model; ``strength`` times half their square is added.

    By Newton's method, on inputs as they are: a component of little variance shall have little say.
    """
    design = np.column_stack([inputs, np.ones(len(inputs))])
    penalty = np.full(design.shape[1], strength)
    penalty[-1] = 0.0
    beta = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = 0.5 * (1.0 + np.tanh(0.5 * design @ beta))
        gradient = design.T @ (p - right) + penalty * beta
        curvature = (design * np.maximum(p * (1 - p), 1e-9)[:, None]).T @ design
        step = np.linalg.solve(curvature + np.diag(penalty), gradient)
        beta -= step
        if float(np.abs(step).max()) < 1e-6:  # noqa: PLR2004
            break
    return beta[:-1], float(beta[-1])
