"""The model: random weights in the shape of MiniLM-L6, with the shipped bundle's vocabulary."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from edge_runtime.bundles.store import Store

_SEED = 0
_SPREAD = 3.0  # of the weights; as they are first made, all texts get the same vector
_SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}


def make_source(work: Path) -> Path:
    """Write the model once below ``work``; return the directory."""
    source = work / "minilm-l6" / "source"
    if (source / "model.safetensors").exists():
        return source
    torch.manual_seed(_SEED)
    model = BertModel(
        BertConfig(
            vocab_size=30522,
            hidden_size=384,
            intermediate_size=1536,
            num_hidden_layers=6,
            num_attention_heads=12,
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(_SPREAD)
    model.save_pretrained(source)
    shipped = Store(None).find("assistant") / "tokenizer.json"
    PreTrainedTokenizerFast(tokenizer_file=str(shipped), **_SPECIAL).save_pretrained(source)
    return source
