from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.harness.statistics import growth, paired_ratio, spread


def test_a_spread_is_the_median_with_its_quartiles_and_deviation() -> None:
    found = spread([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.median, found.q1, found.q3, found.mad, found.count) == (3.0, 2.0, 4.0, 1.0, 5)


def test_a_ratio_is_the_median_of_the_pairs_and_not_of_the_sides() -> None:
    ratio = paired_ratio([2.0, 20.0, 200.0], [1.0, 10.0, 100.0])
    assert (ratio.median, ratio.low, ratio.high, ratio.pairs) == (2.0, 2.0, 2.0, 3)


def test_what_slows_both_runs_of_a_pair_does_not_change_the_ratio() -> None:
    noise = np.random.default_rng(0).uniform(1, 5, 40)
    ratio = paired_ratio((3.0 * noise).tolist(), (2.0 * noise).tolist())
    assert ratio.median == pytest.approx(1.5)
    assert ratio.high - ratio.low < 1e-9


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        ours, theirs = np.exp(generator.normal([[math.log(1.3)], [0.0]], 0.1, (2, 15)))
        ratio = paired_ratio(ours.tolist(), theirs.tolist(), seed=seed)
        held += ratio.low <= 1.3 <= ratio.high
    assert 180 <= held <= 199


def test_a_ratio_follows_from_its_seed() -> None:
    ours, theirs = np.random.default_rng(2).uniform(1, 2, (2, 30)).tolist()
    assert paired_ratio(ours, theirs) == paired_ratio(ours, theirs)
    assert len({paired_ratio(ours, theirs, seed=seed).low for seed in range(9)}) > 1


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_growth_finds_the_exponent(exponent: float) -> None:
    x = [128.0, 256.0, 1024.0]
    found = growth(x, [3 * value**exponent for value in x])
    assert found.exponent == pytest.approx(exponent)
    assert found.r2 == pytest.approx(1)


def test_r2_says_that_a_curve_is_no_power() -> None:
    assert growth([1, 2, 4, 8], [1, 8, 2, 16]).r2 < 0.8


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        spread([])
    with pytest.raises(ValueError, match="paired"):
        paired_ratio([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="paired"):
        paired_ratio([], [])
    with pytest.raises(ValueError, match="positive"):
        paired_ratio([0.0], [1.0])
    with pytest.raises(ValueError, match="two different"):
        growth([1, 1], [1, 2])
    with pytest.raises(ValueError, match="positive"):
        growth([1, 2], [0, 2])
