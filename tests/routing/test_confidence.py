"""What the logits say about their own reliability."""

import numpy as np
import pytest

from edge_runtime.bundles.manifest import Head
from edge_runtime.routing.confidence import features


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
