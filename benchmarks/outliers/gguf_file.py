"""GGUF files without a tokenizer: a source written as F32, and what llama.cpp quantizes it to.

Runs in the Python that has llama-cpp-python.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import gguf  # type: ignore[import-not-found]
import llama_cpp  # type: ignore[import-not-found]
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

Array = npt.NDArray[Any]

WEIGHTS = "model.safetensors"

# Q4_0 keeps a tied embedding at 8 bits in this shape, as llama-quantize does; pure does not
_FORMS = {"Q8_0": ("Q8_0", False), "Q4_0": ("Q4_0", False), "Q4_0 pure": ("Q4_0", True)}

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(source: Path, path: Path) -> None:
    """Write a Llama or Qwen2 with tied embeddings as F32, without a tokenizer."""
    config = json.loads((source / "config.json").read_text())
    family = config["model_type"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(path, family)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_tokenizer_model("no_vocab")
    for name, value in load_file(source / WEIGHTS).items():
        if family == "llama" and name.endswith("q_proj.weight"):
            value = _interleave(value, heads)  # noqa: PLW2901
        elif family == "llama" and name.endswith("k_proj.weight"):
            value = _interleave(value, kv_heads)  # noqa: PLW2901
        writer.add_tensor(_tensor_name(name), np.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantize(full: Path, path: Path, form: str, threads: int) -> None:
    """Have llama.cpp quantize a GGUF as its own llama-quantize does, without importance data.

    Raises:
        RuntimeError: llama.cpp refuses; it says why on stderr.
    """
    kind, pure = _FORMS[form]
    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = threads
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    params.pure = pure
    if llama_cpp.llama_model_quantize(str(full).encode(), str(path).encode(), ctypes.byref(params)):
        raise RuntimeError(f"llama.cpp cannot make {form} of {full}")


def _tensor_name(name: str) -> str:
    fixed = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
    }
    if name in fixed:
        return fixed[name]
    _, _, layer, rest = name.split(".", 3)
    module, _, parameter = rest.rpartition(".")
    return f"blk.{layer}.{NAMES[module]}.{parameter}"


def _interleave(weight: Array, heads: int) -> Array:
    """Reorder each head's rows: llama.cpp rotates a Llama's neighbours, transformers halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)
