"""edge-export's bundles: made by its command, evaluated with onnxruntime and nothing of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from transformers import AutoTokenizer

FORMS = (
    "fp32", "int8-dynamic", "int8-static", "int8-hybrid", "int8-weight-only", "int4-weight-only",
)  # fmt: skip

Ids = npt.NDArray[np.int64]

_TARGET = "pi5"
# The gate's own texts are all unknown words to the models' tokenizer: judged by them, products
# would be left finer at random.
_ANY_DROP = "1e9"


def convert(source: Path, quantization: str, calibration_ids: Ids | None, out: Path) -> None:
    """Convert a source directory to a bundle in one of ``FORMS``.

    With ids to calibrate on, every product is in that form, however much is lost; without, the
    export uses its own texts and leaves products finer where its tolerance wants that.

    Raises:
        OSError: ``edge-export`` fails; the message is the last line of its output.
    """
    command = [
        sys.executable, "-m", "edge_export.cli.app", "convert", str(source),
        "--task", "text-generation", "--target", _TARGET, "--quantization", quantization,
        "--allow-drop", "-o", str(out), "--force",
    ]  # fmt: skip
    if calibration_ids is not None:
        tokenizer = AutoTokenizer.from_pretrained(source)
        texts = out.with_name(f"{out.name}.calibration.txt")
        texts.write_text("".join(f"{tokenizer.decode(row)}\n" for row in calibration_ids.tolist()))
        command += ["--calibrate", str(texts), "--max-drop", _ANY_DROP]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise OSError(lines[-1] if lines else f"edge-export ended with {done.returncode}")


def logits(directory: Path, ids: Ids, *, threads: int = 1) -> npt.NDArray[np.float32]:
    """Logits ``[sequences, length, vocabulary]`` of a bundle's graph, in one forward a sequence.

    The graph has the inputs ``input_ids [1, S]``, ``attention_mask [1, T]``, the scalar
    ``num_logits_to_keep`` (0 for all) and ``past_key_values.N.key`` and ``.value``
    ``[1, kv_heads, past, head_dim]``, which are empty here.

    Raises:
        OSError: onnxruntime cannot load or run it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # what the runtime gives a graph that was fused when it was made
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        session = onnxruntime.InferenceSession(
            directory / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        return _run(session, ids)
    except Exception as exc:  # onnxruntime's own inherit from nothing narrower
        raise OSError(f"onnxruntime: {exc}") from exc


def _run(session: onnxruntime.InferenceSession, ids: Ids) -> npt.NDArray[np.float32]:
    feeds: dict[str, npt.NDArray[np.generic]] = {
        each.name: np.zeros((1, each.shape[1], 0, each.shape[3]), np.float32)
        for each in session.get_inputs()
        if each.name.startswith("past_key_values.")
    }
    feeds["num_logits_to_keep"] = np.zeros((), np.int64)
    rows = []
    for row in ids:
        feeds["input_ids"] = row[None]
        feeds["attention_mask"] = np.ones_like(row[None])
        rows.append(session.run(["logits"], feeds)[0][0])
    return np.stack(rows)
