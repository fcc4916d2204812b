"""transformers on torch, fp32, with torch's fused attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from benchmarks.decoders.runtimes.greedy import timed
from benchmarks.harness.timing import Timing

PACKAGES = ("torch", "transformers")


def prepare(settings: Mapping[str, Any]) -> None:
    """Nothing: it reads the source itself."""


def load(settings: Mapping[str, Any]) -> Decoder:
    """Open the source."""
    return Decoder(settings["source"], settings["threads"])


class Decoder:
    """The model with its growing cache."""

    def __init__(self, source: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self._model = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()
        self._past: Any = None

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case with an empty cache."""
        self._past = None
        return timed(self._forward, case["ids"], case["tokens"])

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _forward(self, ids: Sequence[int]) -> int:
        with torch.inference_mode():
            out = self._model(
                input_ids=torch.tensor([ids]),
                past_key_values=self._past,
                use_cache=True,
                logits_to_keep=1,
            )
        self._past = out.past_key_values
        return int(out.logits[0, -1].argmax())
