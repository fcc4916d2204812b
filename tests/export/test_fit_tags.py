"""Confidence and threshold of tagging heads: none where nothing is shown."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.export
pytest.importorskip("torch")

from edge_export.fitting import fit_tags  # noqa: E402
from edge_runtime.bundles.manifest import Calibration  # noqa: E402
from edge_runtime.routing.calibration import upper_bound  # noqa: E402


def fitted(n: int, share: float, seed: int = 1) -> Calibration | None:
    """Fit spans whose score says how often they are right: from share - .3 to share + .3."""
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.uniform(share - 0.3, share + 0.3, n), 0.01, 0.999)
    right = rng.random(n) < scores
    return fit_tags(scores, right, alpha=0.05, delta=0.05, evaluation="made")


def test_a_head_that_is_mostly_right_has_a_threshold_that_its_counts_prove() -> None:
    found = fitted(4000, 0.9)
    assert found is not None
    assert found.threshold is not None
    assert found.accepted is not None
    assert upper_bound(found.errors or 0, found.accepted, 0.05) <= 0.05


@pytest.mark.parametrize(("n", "share"), [(4000, 0.5), (100, 0.9), (10, 0.9), (1, 0.9)])
def test_a_head_that_is_often_wrong_or_found_little_says_so(n: int, share: float) -> None:
    found = fitted(n, share)
    assert found is not None
    assert (found.threshold, found.accepted, found.coverage) == (None, 0, 0.0)


@pytest.mark.parametrize(("n", "threshold"), [(400, "passes"), (60, "does not")])
def test_without_a_mistake_it_takes_enough_spans_all_the_same(n: int, threshold: str) -> None:
    scores = np.random.default_rng(2).uniform(0.9, 0.99, n)
    found = fit_tags(scores, np.ones(n, dtype=bool), alpha=0.05, delta=0.05, evaluation="made")
    assert found is not None
    assert (found.threshold is not None) == (threshold == "passes")
    assert found.weights == [0.0]
    assert found.auroc is None


def test_a_head_that_found_nothing_has_no_calibration() -> None:
    nothing = np.array([])
    assert fit_tags(nothing, nothing.astype(bool), alpha=0.05, delta=0.05, evaluation="") is None
