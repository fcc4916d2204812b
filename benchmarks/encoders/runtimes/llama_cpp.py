"""llama.cpp through the C API of llama-cpp-python."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import llama_cpp  # type: ignore[import-not-found]
import numpy as np

from benchmarks.encoders.bert_gguf import write_gguf
from benchmarks.encoders.runtimes.repeated import Floats, timed
from benchmarks.harness.timing import Timing
from benchmarks.outliers.gguf_file import quantize

PACKAGES = ("llama-cpp-python", "gguf", "numpy")

_LONGEST = 512  # tokens of a batch, as ours is split too


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
    quantize(full, model.with_suffix(".part"), settings["form"], settings["threads"])
    model.with_suffix(".part").rename(model)


def load(settings: Mapping[str, Any]) -> Encoder:
    """Open a GGUF."""
    return Encoder(settings["model"], settings["threads"])


class Encoder:
    """A model and a context that pools by the mean."""

    def __init__(self, path: str, threads: int) -> None:
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise OSError(f"llama.cpp cannot load {path}")
        self._width = llama_cpp.llama_model_n_embd(self._model)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = _LONGEST
        params.n_seq_max = _LONGEST // 16
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        params.embeddings = True
        params.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_MEAN
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        if not self._context:
            raise OSError(f"llama.cpp cannot make a context for {path}")
        self._batch = llama_cpp.llama_batch_init(_LONGEST, 0, 1)

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case."""
        return timed(self._encode, case)

    def close(self) -> None:
        """Free all."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        batch = self._batch
        batch.n_tokens = 0
        for text, row in enumerate(ids):
            for position, token in enumerate(row):
                place = batch.n_tokens
                batch.token[place] = token
                batch.pos[place] = position
                batch.n_seq_id[place] = 1
                batch.seq_id[place][0] = text
                batch.logits[place] = 1
                batch.n_tokens += 1
        if llama_cpp.llama_encode(self._context, batch):
            raise RuntimeError(f"llama.cpp cannot read {batch.n_tokens} tokens")
        rows = [
            np.ctypeslib.as_array(
                ctypes.cast(
                    llama_cpp.llama_get_embeddings_seq(self._context, text),
                    ctypes.POINTER(ctypes.c_float),
                ),
                (self._width,),
            )
            for text in range(len(ids))
        ]
        return np.stack(rows)
