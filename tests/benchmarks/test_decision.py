"""The benchmark of the decision: promises that hold, and measures that can be told by hand."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks.decision.guarantee import promise, risk_coverage
from benchmarks.decision.pools import Pool
from benchmarks.decision.router import Questions, _chance, _router
from edge_runtime.bundles.manifest import Head

pytestmark = pytest.mark.export


def _pool(rng: np.random.Generator, n: int) -> Pool:
    """Return a pool in which the margin tells right from wrong, with much overlap."""
    margin = rng.normal(2.0, 2.0, n)
    correct = rng.random(n) < 1 / (1 + np.exp(-1.5 * margin))
    features = {"margin": margin, "log_prob": -np.exp(-margin)}
    true = np.ones(n, dtype=bool)
    head = Head(type="classification", output="x", labels=["a", "b"])
    return Pool("x", head, features, np.zeros((n, 2)), correct, true, true, np.full(n, "made"))


def test_promises_are_kept_at_a_coverage_that_is_worth_it() -> None:
    found = promise(_pool(np.random.default_rng(5), 2000), alpha=0.05, delta=0.05, draws=60, seed=1)
    assert found.kept >= 0.9 * found.draws
    assert 0.3 < found.coverage < 0.8
    assert 0.01 < found.error < 0.05
    assert found.by_source.keys() == {"made"}


def test_where_nothing_helps_no_threshold_is_found() -> None:
    pool = _pool(np.random.default_rng(6), 400)
    hopeless = Pool(
        pool.name, pool.head, pool.features, pool.logits,
        np.random.default_rng(7).random(400) < 0.5, pool.given, pool.in_scope, pool.source,
    )  # fmt: skip
    found = promise(hopeless, alpha=0.05, delta=0.05, draws=20, seed=1)
    assert (found.none, found.coverage) == (20, 0.0)


def test_risk_falls_with_a_score_that_knows() -> None:
    correct = np.array([True, True, False, True])
    coverage, risk = risk_coverage(np.array([0.9, 0.8, 0.1, 0.7]), correct)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == [0.0, 0.0, 0.0, 0.25]


def test_chance_recovers_what_it_calls_for_and_hindsight_more() -> None:
    rng = np.random.default_rng(8)
    test = Questions(["?"] * 1000, rng.random(1000) < 0.6, rng.random(1000) < 0.9)
    chance = _chance(test)
    assert chance.apgr == pytest.approx(0.5, abs=0.01)
    assert chance.cpt["80"] == pytest.approx(0.8, abs=0.01)
    hindsight = _router("hindsight", test.weak.astype(float) - test.strong, test, is_known=False)
    assert hindsight.apgr > 0.8
    assert hindsight.cpt["95"] < 0.5
