"""Runs in the Python that has llama-cpp-python: ``SOURCE FORM IDS.npy OUT.npy THREADS``.

Writes SOURCE's F32 GGUF next to OUT unless a newer one is there, has llama.cpp quantize it to FORM,
and saves the logits ``[sequences, length, vocabulary]`` to OUT. The last line on stdout is a JSON
object: versions and the GGUF's size.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import llama_cpp  # type: ignore[import-not-found]
import numpy as np
import numpy.typing as npt

from benchmarks.outliers.gguf_file import WEIGHTS, quantize, write_gguf


def main() -> None:
    """Write, quantize and run one form."""
    source, form, ids, out, threads = sys.argv[1:]
    full = Path(out).with_name("F32.gguf")
    if not full.exists() or full.stat().st_mtime < Path(source, WEIGHTS).stat().st_mtime:
        write_gguf(Path(source), full)
    model = full if form == "F32" else full.with_name(f"{form}.gguf")
    if form != "F32":
        quantize(full, model, form, int(threads))
    np.save(out, logits(model, np.load(ids), int(threads)))
    print(
        json.dumps(
            {
                "versions": {
                    **{name: version(name) for name in ("llama-cpp-python", "gguf")},
                    "llama.cpp": llama_cpp.llama_print_system_info().decode().strip(),
                },
                "size_bytes": model.stat().st_size,
            }
        )
    )


def logits(path: Path, ids: npt.NDArray[np.int64], threads: int) -> npt.NDArray[np.float32]:
    """Logits of every position; keys and values stay fp32, so that the weights' form alone counts.

    Each sequence is one batch and starts with an empty cache.
    """
    model = llama_cpp.Llama(
        str(path),
        n_ctx=ids.shape[1],
        n_batch=ids.shape[1],
        n_threads=threads,
        n_threads_batch=threads,
        logits_all=True,
        type_k=llama_cpp.GGML_TYPE_F32,
        type_v=llama_cpp.GGML_TYPE_F32,
        verbose=False,
    )
    rows = []
    for row in ids.tolist():
        model.reset()
        model.eval(row)
        rows.append(np.array(model.scores[: len(row)], dtype=np.float32))
    model.close()
    return np.stack(rows)


if __name__ == "__main__":
    main()
