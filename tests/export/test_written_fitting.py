"""Which confidence of written answers is kept, on answers and states that are made up."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge_export.evaluation.written import MAX_TOKENS, Written
from edge_export.written_fitting import fit_model, fit_written
from edge_runtime.routing.confidence import PROBE
from edge_runtime.tasks.text_output import Generation


def _written(count: int, *, signal: float | None, margin: float = 0.3, seed: int = 0) -> Written:
    """Half of the answers are right; ``signal`` is what their states say of it."""
    rng = np.random.default_rng(seed)
    right = rng.random(count) < 0.5
    answers = [
        Generation("", 5, int(rng.integers(2, 30)), 1.0, 1.0, 1.0, "stop",
                   mean_margin=float(3 + margin * good + rng.normal()),
                   least_margin=float(margin * good + abs(rng.normal())))
        for good in right
    ]  # fmt: skip
    states = None
    if signal is not None:
        states = rng.normal(size=(count, 80))
        states[:, :8] += signal * (right[:, None] - 0.5)
    return Written(
        [[1]] * count, answers, right, None if states is None else states.astype(np.float32)
    )


def test_a_probe_that_tells_more_than_margins_is_kept() -> None:
    found = fit_written(_written(400, signal=1.5), alpha=0.1, delta=0.1, evaluation="x")

    assert PROBE in found.features
    assert found.probe is not None
    assert found.auroc is not None
    assert found.margins_auroc is not None
    assert found.auroc > found.margins_auroc + 0.1
    low, high = found.auroc_interval
    assert low < found.auroc < high
    assert found.threshold is not None
    assert "on the tested answers AUROC +" in (found.basis or "")
    assert found.max_tokens == MAX_TOKENS


def test_a_probe_of_noise_is_mostly_left_out_and_the_basis_says_so() -> None:
    models = [
        fit_model(_written(200, signal=0.0, margin=0.8, seed=seed), np.random.default_rng(seed))
        for seed in range(10)
    ]
    left_out = [model for model in models if model.probe is None]

    assert len(left_out) >= 7
    assert all("a probe is no better" in model.basis for model in left_out)
    assert all(PROBE not in model.features for model in left_out)


def test_what_is_reported_without_a_probe_is_that_of_the_margins() -> None:
    found = fit_written(_written(300, signal=None), alpha=0.1, delta=0.1, evaluation="x")

    assert found.auroc == found.margins_auroc


def test_without_states_margins_stay() -> None:
    found = fit_written(
        _written(300, signal=None, margin=2.0), alpha=0.1, delta=0.1, evaluation="x"
    )

    assert found.probe is None
    assert set(found.features) == {"log_tokens", "least_margin", "mean_margin"}
    assert "the graph gives no hidden states" in (found.basis or "")
    assert found.n == 210  # a few weights need 30 % to fit


def test_half_is_tested_where_a_probe_is_fitted() -> None:
    assert fit_written(_written(300, signal=1.0), alpha=0.1, delta=0.1, evaluation="x").n == 150


@pytest.mark.parametrize("right", [True, False])
def test_answers_that_are_all_alike_rank_nothing(*, right: bool) -> None:
    made = _written(200, signal=1.0)
    alike = Written(made.prompts, made.answers, np.full(200, right), made.states)

    found = fit_written(alike, alpha=0.1, delta=0.1, evaluation="x")

    assert found.probe is None
    assert found.auroc is None
    assert found.auroc_interval == []
    assert (found.threshold is not None) == right


def test_the_error_stays_below_alpha_as_often_as_is_promised() -> None:
    """On answers that neither fitted nor tested: of 20 calibrations delta may fail."""
    alpha, delta, broken = 0.15, 0.1, 0
    for seed in range(20):
        made = _written(900, signal=1.2, seed=seed)
        known, new = made.part(np.arange(300)), made.part(np.arange(300, 900))
        found = fit_written(known, alpha=alpha, delta=delta, evaluation="x", seed=seed)
        if found.threshold is None:
            continue
        accepted = _confidences(found, new) >= found.threshold
        broken += bool(accepted.any() and (~new.right[accepted]).mean() > alpha)

    assert broken <= 6  # binomial(20, .1) is above it with probability .002


def _confidences(found: object, new: Written) -> np.ndarray:
    from edge_runtime.assistant.certainty import certainty
    from edge_runtime.bundles.manifest import Calibration
    from edge_runtime.inference.probe import Probe

    assert isinstance(found, Calibration)
    assert new.states is not None
    probe = None if found.probe is None else Probe.read(found.probe)
    answers = new.answers
    if probe is not None:
        answers = [
            msgspec.structs.replace(each, probe=round(probe.log_odds(state), 4))
            for each, state in zip(new.answers, new.states, strict=True)
        ]
    return np.array([certainty(found, each, None).confidence for each in answers])
