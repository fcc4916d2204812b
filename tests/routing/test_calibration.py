from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.routing.calibration import (
    auroc,
    binomial_tail,
    fewest_samples,
    fit_logistic,
    learn_threshold,
)


def test_59_samples_without_an_error_are_the_least_that_prove_5_percent() -> None:
    assert fewest_samples(0.05, 0.05) == 59
    assert binomial_tail(0, 59, 0.05) <= 0.05 < binomial_tail(0, 58, 0.05)


@given(st.integers(1, 300), st.floats(0.001, 0.5), st.data())
def test_the_binomial_tail_is_the_sum_of_its_terms(
    n: int, alpha: float, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, n))
    terms = (math.comb(n, k) * alpha**k * (1 - alpha) ** (n - k) for k in range(errors + 1))
    assert binomial_tail(errors, n, alpha) == pytest.approx(math.fsum(terms), rel=1e-6, abs=1e-12)


def test_logistic_regression_finds_the_probabilities_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20_000, 2)) * [1.0, 5.0]
    correct = rng.random(20_000) < 1 / (
        1 + np.exp(-(0.5 + 2.0 * inputs[:, 0] - 0.3 * inputs[:, 1]))
    )
    weights, bias = fit_logistic(inputs, correct)
    assert weights == pytest.approx([2.0, -0.3], rel=0.1)
    assert bias == pytest.approx(0.5, abs=0.1)


def _draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    confidence = rng.beta(4, 1, size=n)
    return confidence, rng.random(n) < confidence**0.5


def test_the_selective_error_stays_below_alpha_as_often_as_promised() -> None:
    """A thousand calibrations, each judged on the whole pool that it was drawn from."""
    rng = np.random.default_rng(1)
    pool_confidence, pool_correct = _draw(rng, 20_000)
    failures = 0
    coverage = []
    for _ in range(1000):
        a, b = rng.integers(len(pool_correct), size=(2, 600))
        found = learn_threshold(
            (pool_confidence[a], pool_correct[a]),
            (pool_confidence[b], pool_correct[b]),
            alpha=0.05,
            delta=0.05,
        )
        coverage.append(found.coverage)
        if found.value is not None:
            accepted = pool_confidence >= found.value
            failures += (~pool_correct[accepted]).mean() > 0.05
    assert failures / 1000 <= 0.065  # 0.05, and what a thousand draws may add by chance
    assert np.mean(coverage) > 0.2


def test_no_threshold_when_the_head_is_no_good() -> None:
    rng = np.random.default_rng(2)
    confidence, correct = rng.random(1000), rng.random(1000) < 0.5
    found = learn_threshold((confidence, correct), (confidence, correct), alpha=0.05, delta=0.05)
    assert (found.value, found.coverage) == (None, 0.0)


def test_no_threshold_from_too_few_samples() -> None:
    perfect = np.linspace(0, 1, 50), np.ones(50, dtype=bool)
    assert learn_threshold(perfect, perfect, alpha=0.05, delta=0.05).value is None


def test_a_perfect_head_answers_everything() -> None:
    perfect = np.linspace(0, 1, 1000), np.ones(1000, dtype=bool)
    assert learn_threshold(perfect, perfect, alpha=0.05, delta=0.05).coverage == 1.0


def test_auroc_counts_ties_half() -> None:
    score = np.array([0.1, 0.5, 0.5, 0.9])
    assert auroc(score, np.array([False, False, True, True])) == pytest.approx(0.875)
