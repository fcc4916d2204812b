"""optimum's export, run by onnxruntime with its defaults; ``int8`` is by its dynamic quantizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.encoders.runtimes.repeated import Floats, timed
from benchmarks.harness.timing import Timing

PACKAGES = ("optimum", "optimum-onnx", "onnxruntime", "numpy")


def prepare(settings: Mapping[str, Any]) -> None:
    """Export, and quantize as optimum's quantizer does for the CPU."""
    # half a second that a process which only runs the graph does not take
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415
    from optimum.exporters.onnx import main_export  # noqa: PLC0415

    path = Path(settings["model"])
    full = path.with_name("model.onnx")
    if not full.exists():
        main_export(settings["source"], full.parent, task="feature-extraction", device="cpu")
    if not path.exists():
        quantize_dynamic(full, path, weight_type=QuantType.QInt8)


def load(settings: Mapping[str, Any]) -> Encoder:
    """Open a graph."""
    return Encoder(settings["model"], settings["threads"])


class Encoder:
    """A session."""

    def __init__(self, path: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._names = {each.name for each in self._session.get_inputs()}

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case."""
        return timed(self._encode, case)

    def close(self) -> None:
        """Free the model."""
        del self._session

    def _encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        array = np.array(ids, dtype=np.int64)
        feeds = {
            "input_ids": array,
            "attention_mask": np.ones_like(array),
            "token_type_ids": np.zeros_like(array),
        }
        feeds = {name: value for name, value in feeds.items() if name in self._names}
        pooled: Floats = self._session.run(["last_hidden_state"], feeds)[0].mean(axis=1)
        return pooled
