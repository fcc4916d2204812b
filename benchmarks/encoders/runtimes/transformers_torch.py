"""transformers on torch, fp32, with torch's fused attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModel

from benchmarks.encoders.runtimes.repeated import Floats, timed
from benchmarks.harness.timing import Timing

PACKAGES = ("torch", "transformers")


def prepare(settings: Mapping[str, Any]) -> None:
    """Nothing: it reads the source itself."""


def load(settings: Mapping[str, Any]) -> Encoder:
    """Open the source."""
    return Encoder(settings["source"], settings["threads"])


class Encoder:
    """The model."""

    def __init__(self, source: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self._model = AutoModel.from_pretrained(
            source, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case."""
        return timed(self._encode, case)

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        with torch.inference_mode():
            states = self._model(input_ids=torch.tensor(ids)).last_hidden_state
        pooled: Floats = states.mean(1).numpy()
        return pooled
