"""What the logits say about their own reliability."""

import numpy as np
import pytest

from edge_runtime.bundles.manifest import Head
from edge_runtime.routing.confidence import FEATURES, features
from edge_runtime.tasks.classification import softmax

HEAD = Head(type="classification", output="intent", labels=["a", "b", "oos"], out_of_scope="oos")


def test_labels_that_say_the_same_do_not_compete() -> None:
    labels = ["smart_home", "HassTurnOn", "HassTurnOff", "weather"]
    logits = np.array([4.0, 4.0, 0.0, 0.0])
    plain = features(logits, Head(type="classification", output="intent", labels=labels))
    same = {"smart_home": ["HassTurnOn", "HassTurnOff"]}
    alike = features(logits, Head(type="classification", output="intent", labels=labels, same=same))
    assert plain["margin"] == 0
    assert alike["margin"] == pytest.approx(4.0)
    assert np.exp(plain["log_prob"]) < 0.5
    assert np.exp(alike["log_prob"]) > 0.98
    assert alike["energy"] == plain["energy"]
    sure = np.exp(alike["log_prob"])
    assert alike["log_odds"] == pytest.approx(np.log(sure / (1 - sure)))


def test_log_odds_are_those_of_the_softmax() -> None:
    logits = np.random.default_rng(0).normal(size=(200, 3)) * 3
    best = softmax(logits.astype(np.float32)).max(axis=1).astype(np.float64)
    assert features(logits, HEAD)["log_odds"] == pytest.approx(np.log(best / (1 - best)), rel=1e-3)


def test_log_odds_stay_finite_where_the_softmax_is_one() -> None:
    found = features(np.array([900.0, -900.0, 0.0]), HEAD)
    assert found["log_prob"] == 0.0
    assert found["log_odds"] == pytest.approx(900.0)


def test_log_odds_of_two_labels_are_their_margin() -> None:
    head = Head(type="classification", output="x", labels=["no", "yes"])
    found = features(np.array([[1.0, 3.5], [2.0, -2.0]]), head)
    assert found["log_odds"] == pytest.approx(found["margin"])


def test_a_head_with_one_label_has_every_feature() -> None:
    head = Head(type="classification", output="x", labels=["only"])
    found = features(np.array([[2.0]]), head)
    assert found.keys() == set(FEATURES)
    assert all(np.isfinite(value).all() for value in found.values())
