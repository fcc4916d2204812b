"""Runs in the Python that has gguf: ``GGUF OUT`` writes config.json and model.safetensors to OUT.

The last line on stdout is a JSON object with the tokens, their kinds, merges and chat template.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf  # type: ignore[import-not-found]
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from benchmarks.outliers.gguf_file import NAMES


def main() -> None:
    """Write the files and print the rest."""
    path, out = sys.argv[1], Path(sys.argv[2])
    reader = gguf.GGUFReader(path)

    def field(name: str) -> Any:  # noqa: ANN401 - a GGUF's fields are of any type
        return reader.fields[name].contents()

    heads = field("llama.attention.head_count")
    kv_heads = field("llama.attention.head_count_kv")
    tokens = field("tokenizer.ggml.tokens")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(tokens),
        "hidden_size": field("llama.embedding_length"),
        "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": field("llama.context_length"),
        "rms_norm_eps": field("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": field("llama.rope.freq_base"),
        "tie_word_embeddings": True,
        "bos_token_id": field("tokenizer.ggml.bos_token_id"),
        "eos_token_id": field("tokenizer.ggml.eos_token_id"),
    }
    (out / "config.json").write_text(json.dumps(config, indent=2))
    weights = {}
    for tensor in reader.tensors:
        value = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if "attn_q." in tensor.name:
            value = _halves(value, heads)
        elif "attn_k." in tensor.name:
            value = _halves(value, kv_heads)
        weights[_name(tensor.name)] = np.ascontiguousarray(value)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    print(
        json.dumps(
            {
                "tokens": tokens,
                "kinds": field("tokenizer.ggml.token_type"),
                "merges": field("tokenizer.ggml.merges"),
                "chat_template": field("tokenizer.chat_template"),
            }
        )
    )


def _name(name: str) -> str:
    fixed = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
    }
    if name in fixed:
        return fixed[name]
    _, layer, module, parameter = name.split(".")
    modules = {theirs: ours for ours, theirs in NAMES.items()}
    return f"model.layers.{layer}.{modules[module]}.{parameter}"


def _halves(weight: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Undo the order in which llama.cpp keeps the rows of a rotated head."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


if __name__ == "__main__":
    main()
