from __future__ import annotations

import numpy as np
import pytest

from edge_export.probing import fit_probe, folds
from edge_runtime.inference.probe import Probe
from edge_runtime.routing.calibration import auroc


def _states(count: int, signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States of more channels than samples, one direction of which says what is right."""
    rng = np.random.default_rng(seed)
    right = rng.random(count) < 0.4
    states = rng.normal(size=(count, 300)) * np.exp(rng.normal(size=300))
    direction = rng.normal(size=300)
    states += signal * np.outer(right - 0.4, direction)
    return states.astype(np.float32), right


def test_a_direction_that_tells_is_found_again_in_other_samples() -> None:
    states, right = _states(400, 1.0)
    probe = fit_probe(states[:200], right[:200], np.random.default_rng(1))

    assert probe is not None
    assert auroc(probe.log_odds(states[200:]), right[200:]) > 0.8
    assert auroc(probe.crossed, right[:200]) > 0.8


def test_of_noise_nothing_is_claimed() -> None:
    states, right = _states(300, 0.0)
    probe = fit_probe(states, right, np.random.default_rng(1))

    assert probe is not None
    assert auroc(probe.crossed, right) == pytest.approx(0.5, abs=0.12)
    assert auroc(probe.log_odds(states), right) > 0.8  # of its own samples: worthless


def test_the_log_odds_are_those_that_a_device_reads() -> None:
    states, right = _states(120, 1.0)
    probe = fit_probe(states, right, np.random.default_rng(1))

    assert probe is not None
    read = Probe.read(probe.stored)
    assert probe.log_odds(states).tolist() == [round(read.log_odds(each), 4) for each in states]


def test_more_samples_than_channels_are_fitted_too() -> None:
    states, right = _states(700, 1.0)
    probe = fit_probe(states, right, np.random.default_rng(1))

    assert probe is not None
    assert probe.stored.weights
    assert auroc(probe.crossed, right) > 0.85


@pytest.mark.parametrize("hits", [0, 9, 91, 100])
def test_too_few_of_one_kind_make_no_probe(hits: int) -> None:
    states, _ = _states(100, 1.0)

    assert fit_probe(states, np.arange(100) < hits, np.random.default_rng(1)) is None


def test_every_fold_has_its_share_of_right_answers() -> None:
    right = np.arange(103) < 21
    parts = folds(right, np.random.default_rng(5))

    counts = np.bincount(parts[right], minlength=5)
    assert counts.max() - counts.min() <= 1
    assert np.bincount(parts).min() >= 20
