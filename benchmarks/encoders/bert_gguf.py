"""A BERT as a GGUF file without a tokenizer; runs in the Python that has gguf."""

from __future__ import annotations

import json
from pathlib import Path

import gguf  # type: ignore[import-not-found]
import numpy as np
from safetensors.numpy import load_file

_EMBEDDINGS = {
    "word_embeddings.weight": "token_embd.weight",
    "position_embeddings.weight": "position_embd.weight",
    "token_type_embeddings.weight": "token_types.weight",
    "LayerNorm.weight": "token_embd_norm.weight",
    "LayerNorm.bias": "token_embd_norm.bias",
}
_MODULES = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def write_gguf(source: Path, path: Path) -> None:
    """Write a BertModel as F32."""
    config = json.loads((source / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)  # noqa: FBT003 - gguf's own signature
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    for name, value in load_file(source / "model.safetensors").items():
        theirs = _name(name.removeprefix("bert."))
        if theirs is not None:
            writer.add_tensor(theirs, np.ascontiguousarray(value, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _name(name: str) -> str | None:
    room, _, rest = name.partition(".")
    if room == "embeddings":
        return _EMBEDDINGS.get(rest)
    if room != "encoder":
        return None  # the pooler
    _, layer, rest = rest.split(".", 2)
    module, _, parameter = rest.rpartition(".")
    return f"blk.{layer}.{_MODULES[module]}.{parameter}"
