"""optimum: its export and its own class; ``int8`` is by ONNX Runtime's dynamic quantizer."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from optimum.onnxruntime import ORTModelForCausalLM

from benchmarks.decoders.runtimes.greedy import timed
from benchmarks.harness.timing import Timing

PACKAGES = ("optimum", "optimum-onnx", "onnxruntime", "torch", "transformers")


def prepare(settings: Mapping[str, Any]) -> None:
    """Export, and quantize as optimum's quantizer does for the CPU."""
    model = Path(settings["model"])
    if (model / "model.onnx").exists():
        return
    part = model.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    if settings["form"] == "fp32":
        ORTModelForCausalLM.from_pretrained(settings["source"], export=True).save_pretrained(part)
    else:
        shutil.copytree(model.with_name("fp32"), part, ignore=shutil.ignore_patterns("model.onnx*"))
        quantize_dynamic(
            model.with_name("fp32") / "model.onnx",
            part / "model.onnx",
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    part.rename(model)


def load(settings: Mapping[str, Any]) -> Decoder:
    """Open an exported model."""
    return Decoder(settings["model"], settings["threads"])


class Decoder:
    """The model with its growing cache."""

    def __init__(self, directory: str, threads: int) -> None:
        torch.set_num_threads(threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._model = ORTModelForCausalLM.from_pretrained(directory, session_options=options)
        self._past: Any = None
        self._length = 0

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case with an empty cache."""
        self._past, self._length = None, 0
        return timed(self._forward, case["ids"], case["tokens"])

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _forward(self, ids: Sequence[int]) -> int:
        self._length += len(ids)
        with torch.inference_mode():
            out = self._model(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones((1, self._length), dtype=torch.int64),
                past_key_values=self._past,
                use_cache=True,
            )
        self._past = out.past_key_values
        return int(out.logits[0, -1].argmax())
