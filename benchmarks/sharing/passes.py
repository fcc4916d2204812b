"""A contestant: a text read by one encoder, or by two, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.harness.timing import Stopwatch, Timing
from edge_runtime.bundles.store import Store
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.tokenizer import Window
from edge_runtime.tasks.encoder import Encoder

PACKAGES = ("edge-runtime", "onnxruntime", "tokenizers", "numpy")
PART = "all heads"


def prepare(settings: Mapping[str, Any]) -> None:
    """Do nothing: the bundles are there."""


def load(settings: Mapping[str, Any]) -> Passes:
    """Open the bundles."""
    return Passes(settings["bundles"])


class Passes:
    """Encoders with one thread each, as a device opens them."""

    def __init__(self, bundles: list[str]) -> None:
        resources = Resources(threads=1)
        self._encoders = [Encoder(Store(None).open(name), resources) for name in bundles]

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run ``ids`` through all encoders, ``repeats`` times."""
        ids = np.array(case["ids"], np.int64)
        window = Window(0, ids, np.zeros_like(ids), [], [])
        self._read(window)
        stopwatch = Stopwatch()
        for _ in range(case["repeats"]):
            self._read(window)
        return {PART: stopwatch.lap(case["repeats"])}

    def close(self) -> None:
        """Free the models."""
        self._encoders.clear()

    def _read(self, window: Window) -> None:
        for encoder in self._encoders:
            encoder.run([window])
