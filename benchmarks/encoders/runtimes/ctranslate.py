"""CTranslate2, with a model by its own converter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ctranslate2  # type: ignore[import-not-found]
import numpy as np

from benchmarks.encoders.runtimes.repeated import Floats, timed
from benchmarks.harness.timing import Timing

PACKAGES = ("ctranslate2", "transformers", "numpy")


def prepare(settings: Mapping[str, Any]) -> None:
    """Convert the source."""
    model = Path(settings["model"])
    if not (model / "model.bin").exists():
        converter = ctranslate2.converters.TransformersConverter(settings["source"])
        converter.convert(str(model), quantization=settings["form"], force=True)


def load(settings: Mapping[str, Any]) -> Encoder:
    """Open a converted model."""
    return Encoder(settings["model"], settings["form"], settings["threads"])


class Encoder:
    """An encoder with one worker."""

    def __init__(self, directory: str, form: str, threads: int) -> None:
        self._encoder = ctranslate2.Encoder(
            directory, compute_type=form, inter_threads=1, intra_threads=threads
        )

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case."""
        return timed(self._encode, case)

    def close(self) -> None:
        """Free the model."""
        self._encoder.unload_model()

    def _encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        states = np.array(self._encoder.forward_batch(ids).last_hidden_state)
        pooled: Floats = states.mean(axis=1)
        return pooled
