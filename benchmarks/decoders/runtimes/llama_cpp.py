"""llama.cpp through the C API of llama-cpp-python, without the cost of its Python classes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import llama_cpp  # type: ignore[import-not-found]
import numpy as np

from benchmarks.decoders.runtimes.greedy import timed
from benchmarks.harness.timing import Timing
from benchmarks.outliers.gguf_file import quantize, write_gguf

PACKAGES = ("llama-cpp-python", "gguf", "numpy")


def prepare(settings: Mapping[str, Any]) -> None:
    """Write the F32 GGUF, and have llama.cpp quantize it as llama-quantize does."""
    model = Path(settings["model"])
    if model.exists():
        return
    model.parent.mkdir(parents=True, exist_ok=True)
    full = model.with_name("F32.gguf")
    if not full.exists():
        write_gguf(Path(settings["source"]), full.with_suffix(".part"))
        full.with_suffix(".part").rename(full)
    if settings["form"] != "F32":
        quantize(full, model.with_suffix(".part"), settings["form"], settings["threads"])
        model.with_suffix(".part").rename(model)


def load(settings: Mapping[str, Any]) -> Decoder:
    """Open a GGUF."""
    return Decoder(settings["model"], settings["threads"], settings["context"])


class Decoder:
    """A model and a context of llama.cpp's defaults (fp16 cache), but for its length."""

    def __init__(self, path: str, threads: int, context: int) -> None:
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise OSError(f"llama.cpp cannot load {path}")
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = context
        params.n_threads = params.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        if not self._context:
            raise OSError(f"llama.cpp cannot make a context for {path}")
        vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._size = llama_cpp.llama_vocab_n_tokens(vocabulary)

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case with an empty cache."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)  # noqa: FBT003 - ctypes
        return timed(self._forward, case["ids"], case["tokens"])

    def close(self) -> None:
        """Free both."""
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _forward(self, ids: Sequence[int]) -> int:
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        batch = llama_cpp.llama_batch_get_one(tokens, len(ids))
        if llama_cpp.llama_decode(self._context, batch):
            raise RuntimeError(f"llama.cpp cannot read {len(ids)} tokens")
        logits = llama_cpp.llama_get_logits_ith(self._context, -1)
        return int(np.ctypeslib.as_array(logits, (self._size,)).argmax())
