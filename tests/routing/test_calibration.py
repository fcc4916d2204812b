from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundles.store import Store
from edge_runtime.routing import calibration
from edge_runtime.routing.calibration import (
    auroc,
    binomial_tail,
    fewest_samples,
    fit_logistic,
    fit_temperature,
    learn_threshold,
    upper_bound,
)
from edge_runtime.routing.confidence import guarantee_of


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


def _clopper_pearson(errors: int, n: int, delta: Fraction) -> Fraction:
    """Upper bound in exact fractions: the p at which P(X <= errors) is delta."""
    low, high = Fraction(0), Fraction(1)
    for _ in range(40):
        p = (low + high) / 2
        tail = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(errors + 1))
        low, high = (p, high) if tail > delta else (low, p)
    return high


@given(st.integers(1, 60), st.sampled_from([0.01, 0.05, 0.2]), st.data())
def test_the_upper_bound_is_that_of_clopper_and_pearson(
    n: int, delta: float, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, n))
    exact = float(_clopper_pearson(errors, n, Fraction(delta)))
    assert upper_bound(errors, n, delta) == pytest.approx(exact, abs=1e-9)


def test_the_upper_bound_of_known_cases() -> None:
    # Clopper and Pearson's tables, one-sided: the rule of three, and 3 of 30
    assert upper_bound(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59), abs=1e-12)
    assert upper_bound(3, 30, 0.05) == pytest.approx(0.2386, abs=5e-5)
    assert upper_bound(5, 5, 0.05) == 1.0


@given(st.integers(1, 400), st.floats(0.005, 0.4), st.floats(0.005, 0.4), st.data())
def test_the_tail_test_and_the_upper_bound_say_the_same(
    n: int, alpha: float, delta: float, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, n))
    bound = upper_bound(errors, n, delta)
    if abs(bound - alpha) > 1e-9:
        assert (binomial_tail(errors, n, alpha) <= delta) == (bound <= alpha)


def test_logistic_regression_finds_the_probabilities_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20_000, 2)) * [1.0, 5.0]
    correct = rng.random(20_000) < 1 / (
        1 + np.exp(-(0.5 + 2.0 * inputs[:, 0] - 0.3 * inputs[:, 1]))
    )
    weights, bias = fit_logistic(inputs, correct)
    assert weights == pytest.approx([2.0, -0.3], rel=0.1)
    assert bias == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 5)) * 4
    gumbel = rng.gumbel(size=logits.shape)
    truth = (logits / temperature + gumbel).argmax(axis=1)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def _draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    confidence = rng.beta(4, 1, size=n)
    return confidence, rng.random(n) < confidence**0.5


def _splits(count: int) -> tuple[float, float]:
    """Share of calibrations whose true selective error is over 5 %, and their mean coverage.

    Each is judged on the whole pool that its two halves were drawn from.
    """
    rng = np.random.default_rng(1)
    confidence, correct = _draw(rng, 20_000)
    order = np.argsort(-confidence)
    selective_error = np.cumsum(~correct[order]) / np.arange(1, len(order) + 1)
    failures, coverage = 0, 0.0
    for _ in range(count):
        a, b = rng.integers(len(correct), size=(2, 600))
        found = learn_threshold(
            (confidence[a], correct[a]), (confidence[b], correct[b]), alpha=0.05, delta=0.05
        )
        if found.value is not None:
            accepted = int((confidence >= found.value).sum())
            failures += bool(selective_error[accepted - 1] > 0.05)
        coverage += found.coverage
    return failures / count, coverage / count


def test_the_selective_error_stays_below_alpha_as_often_as_promised() -> None:
    failures, coverage = _splits(1000)
    assert failures <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)
    assert coverage > 0.2


def _empirical(errors: int, n: int, alpha: float) -> float:
    return float(errors > alpha * n)


def test_the_plain_error_rate_would_break_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the simulation above can tell a bound from none."""
    monkeypatch.setattr(calibration, "binomial_tail", _empirical)
    failures, _ = _splits(1000)
    assert failures > 0.4


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


def test_the_counts_of_a_threshold_are_its_proof() -> None:
    rng = np.random.default_rng(5)
    halves = _draw(rng, 2000), _draw(rng, 2000)
    found = learn_threshold(*halves, alpha=0.05, delta=0.05)
    assert found.value is not None
    accepted = halves[1][0] >= found.value
    assert found.accepted == accepted.sum()
    assert found.errors == (~halves[1][1][accepted]).sum()
    assert upper_bound(found.errors, found.accepted, 0.05) <= 0.05


def test_auroc_counts_ties_half() -> None:
    score = np.array([0.1, 0.5, 0.5, 0.9])
    assert auroc(score, np.array([False, False, True, True])) == pytest.approx(0.875)


def test_every_head_of_the_default_bundle_promises_only_what_its_counts_prove() -> None:
    manifest = Store(None).open().manifest
    heads = {name for name, head in manifest.heads.items() if head.type != "embedding"}
    assert set(manifest.calibration) == heads
    for name, found in manifest.calibration.items():
        if found.threshold is None:
            assert (found.accepted, found.coverage) == (0, 0.0), name
            assert guarantee_of(1.0, found) is None, name
        else:
            assert found.accepted is not None
            assert found.errors is not None
            assert upper_bound(found.errors, found.accepted, found.delta) <= found.alpha, name
            assert guarantee_of(found.threshold, found) is not None, name
            assert guarantee_of(found.threshold - 1e-6, found) is None, name
    unproven = {name for name, found in manifest.calibration.items() if found.threshold is None}
    assert unproven == {"difficulty", "slots", "pii"}
