from __future__ import annotations

import base64

import numpy as np
import pytest

from edge_runtime.bundles import manifest
from edge_runtime.errors import BundleError
from edge_runtime.inference.probe import Probe, store


def test_a_stored_probe_reads_what_was_fitted() -> None:
    rng = np.random.default_rng(3)
    weights, state = rng.normal(size=96) * 0.02, rng.normal(size=96).astype(np.float32)

    probe = Probe.read(store(weights, -0.25))

    assert probe.width == 96
    assert probe.log_odds(state) == pytest.approx(state @ weights - 0.25, abs=1e-3)


def test_a_weight_takes_two_bytes() -> None:
    stored = store(np.ones(576), 0.0)

    assert len(base64.b64decode(stored.weights)) == 2 * 576


@pytest.mark.parametrize(
    "weights",
    ["not base64!", base64.b64encode(b"abc").decode(), base64.b64encode(b"\x00\x7c").decode()],
    ids=["letters", "odd", "infinite"],
)
def test_weights_that_are_none_are_refused(weights: str) -> None:
    with pytest.raises(BundleError, match="the probe's weights are n"):
        Probe.read(manifest.Probe(weights, 0.0))
