"""The benchmark of the decision: promises that hold, and measures that can be told by hand."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks.decision.alarm import alarm
from benchmarks.decision.guarantee import promise, risk_coverage
from benchmarks.decision.pools import Pool
from benchmarks.decision.predictor import Predictor
from benchmarks.decision.reliability import _reliability
from benchmarks.decision.router import Questions, _chance, _router
from edge_runtime.bundles.manifest import Head
from edge_runtime.routing.confidence import features

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


def _scoped_pool(size: int = 3000) -> Pool:
    """Return a pool with one text in five out of scope, which has low logits."""
    rng = np.random.default_rng(1)
    outside = rng.random(size) < 0.2
    truth = np.where(outside, 3, rng.integers(3, size=size))
    logits = rng.normal(size=(size, 4))
    logits[np.arange(size), truth] += np.where(outside, 1.0, 6.0)
    labels = ["a", "b", "c", "oos"]
    head = Head(type="classification", output="intent", labels=labels, out_of_scope="oos")
    best = logits.argmax(axis=1)
    return Pool("intent", head, features(logits, head), logits, best == truth, best != 3, ~outside,
                np.full(size, "made"))  # fmt: skip


def test_the_alarm_rings_soon_and_only_after_a_shift() -> None:
    found = alarm(_scoped_pool(), n=1000, runs=3, seed=3)
    assert (found.false_alarms, found.runs) == (0, 3)
    assert found.late == {"50%": 0, "100%": 0}
    assert found.delays["100%"][1] < found.delays["50%"][1] <= 500


def test_an_honest_confidence_has_the_calibration_error_of_chance() -> None:
    rng = np.random.default_rng(4)
    sure = rng.random(5000)
    correct = rng.random(5000) < sure
    honest = _reliability("intent", "honest", lambda _: sure, correct)
    assert honest.error == pytest.approx(honest.chance, abs=0.006)
    boast = _reliability("intent", "boast", lambda _: np.sqrt(sure), correct)
    assert boast.error > 0.1
    assert boast.log_loss > honest.log_loss


def test_confidence_is_judged_on_what_it_was_not_fitted_on() -> None:
    correct = np.random.default_rng(5).random(500) < 0.5

    def learned_by_heart(fit: np.ndarray) -> np.ndarray:
        sure = np.full(500, 0.5)
        sure[fit] = correct[fit]
        return sure

    found = _reliability("intent", "by heart", learned_by_heart, correct)
    assert found.log_loss == pytest.approx(np.log(2), abs=1e-3)


def test_the_predictor_learns_what_embedding_and_form_tell() -> None:
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(600, 24))
    sums = rng.random(600) < 0.5
    texts = [
        f"{'Compute 3 + 4 =' if each else 'Who wrote it?'}\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"
        for each in sums
    ]
    right = ~sums | (vectors[:, 0] > 1)
    model = Predictor(texts[:400], vectors[:400], right[:400])
    predicted = model.predict(texts[400:], vectors[400:])
    assert ((predicted > 0) == right[400:]).mean() > 0.85
