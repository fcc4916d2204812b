"""``MODEL TOKENIZER THREADS TEXT``: names the label of a text, the way tutorials do it.

THREADS 0 leaves the number to ONNX Runtime, as they do too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import tokenizers


def main() -> None:
    """Print the best label and its probability."""
    model, tokenizer, threads, text = sys.argv[1:]
    labels = json.loads((Path(model).parent / "config.json").read_text())["id2label"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    encoding = tokenizers.Tokenizer.from_file(tokenizer).encode(text)
    feeds = {
        "input_ids": np.array([encoding.ids], dtype=np.int64),
        "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
        "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
    }
    logits = session.run(None, feeds)[0][0]
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    best = int(scores.argmax())
    print(f"{labels[str(best)]} {scores[best]:.2f}")


if __name__ == "__main__":
    main()
