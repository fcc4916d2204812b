"""What tells one family of decoders from another, read from a Hugging Face config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import UnsupportedTaskError

# model types of transformers whose decoders are built as one fused graph
FUSED_DECODERS = frozenset(
    {
        "gemma", "gemma2", "gemma3_text", "gpt2", "llama", "mistral", "phi3", "qwen2", "qwen3",
        "smollm3",
    }
)  # fmt: skip
_GEMMA = {"gemma", "gemma2", "gemma3_text"}
_HEAD_STEP = 16  # ONNX Runtime's rotary embedding inside the attention wants multiples of it


@dataclass(frozen=True)
class Norm:
    """Layer or RMS norm, with its epsilon."""

    kind: Literal["rms", "layer"]
    epsilon: float


@dataclass(frozen=True)
class Rope:
    """Rotary embedding: ``inverse_frequencies [rotary_dim / 2]``, ``scale`` of cos and sin."""

    inverse_frequencies: npt.NDArray[np.float64]
    scale: float


@dataclass(frozen=True)
class Layer:
    """``rope`` names one of the shape's, None for none; ``window`` in tokens, -1 for no limit."""

    rope: str | None
    window: int


@dataclass(frozen=True)
class DecoderShape:
    """Sizes and switches of a decoder; ``positions`` is how many tokens it was made for."""

    layers: list[Layer]
    ropes: dict[str, Rope]
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    positions: int
    activation: str
    norm: Norm
    gated: bool = True
    qk_norm: bool = False
    attention_scale: float = 0.0
    attention_softcap: float = 0.0
    logit_softcap: float = 0.0
    embedding_scale: float = 1.0


def why_not_fused(config: Mapping[str, Any]) -> str | None:
    """Return what keeps a config from becoming one fused graph, None for nothing."""
    family = str(config["model_type"])
    if family not in FUSED_DECODERS:
        return f"no fused graph is known for {family}"
    if family == "gpt2":
        scaled = config.get("scale_attn_by_inverse_layer_idx")
        if scaled or not config.get("scale_attn_weights", True):
            return "the attention is scaled layer by layer"
        return None
    if _head_dim(config) % _HEAD_STEP:
        return f"the head size {_head_dim(config)} is no multiple of {_HEAD_STEP}"
    return None


def decoder_shape(config: Mapping[str, Any], ropes: Mapping[str, Rope]) -> DecoderShape:
    """Read a config that ``why_not_fused`` allows; ``ropes`` come from the model itself.

    Raises:
        UnsupportedTaskError: the rotary embedding is one that the fused graph does not do.
    """
    family = str(config["model_type"])
    if family == "gpt2":
        return _gpt2(config)
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    head_dim = _head_dim(config)
    for name, rope in ropes.items():
        if 2 * len(rope.inverse_frequencies) != head_dim and family != "phi3":
            raise UnsupportedTaskError(f"{family}: the {name} rotary embedding covers a part only")
    scaling = float(config.get("query_pre_attn_scalar") or head_dim)
    activation = config.get("hidden_activation") or config.get("hidden_act") or "silu"
    if family in _GEMMA and activation == "gelu":
        activation = "gelu_pytorch_tanh"  # what transformers runs for gemma
    return DecoderShape(
        layers=_layers(config, family),
        ropes=dict(ropes),
        hidden=hidden,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=head_dim,
        intermediate=int(config["intermediate_size"]),
        vocabulary=int(config["vocab_size"]),
        positions=_positions(config),
        activation=str(activation),
        norm=Norm("rms", float(config["rms_norm_eps"])),
        qk_norm=family in {"qwen3", "gemma3_text"},
        attention_scale=scaling**-0.5,
        attention_softcap=float(config.get("attn_logit_softcapping") or 0.0),
        logit_softcap=float(config.get("final_logit_softcapping") or 0.0),
        embedding_scale=float(np.float32(hidden**0.5)) if family in _GEMMA else 1.0,
    )


def _head_dim(config: Mapping[str, Any]) -> int:
    whole = int(config["hidden_size"]) // int(config["num_attention_heads"])
    return int(config.get("head_dim") or whole)


def _layers(config: Mapping[str, Any], family: str) -> list[Layer]:
    count = int(config["num_hidden_layers"])
    window = int(config.get("sliding_window") or -1)
    kinds = config.get("layer_types") or []
    # phi3 and mistral slide in every layer; the others say it layer by layer
    if not kinds:
        everywhere = family in {"mistral", "phi3"}
        kinds = ["sliding_attention" if everywhere else "full_attention"] * count
    with_rope = config.get("no_rope_layers") or [1] * count  # SmolLM3: 0 where there is none
    layers = []
    for kind, rotated in zip(kinds, with_rope, strict=True):
        sliding = kind == "sliding_attention"
        rope = "local" if sliding and family == "gemma3_text" else "global"
        layers.append(Layer(rope if rotated else None, window if sliding else -1))
    return layers


def _positions(config: Mapping[str, Any]) -> int:
    """Return the length up to which the rotary embedding is the one of short texts."""
    positions = int(config["max_position_embeddings"])
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type")) == "longrope":
        original = config.get("original_max_position_embeddings")
        return int(original or scaling.get("original_max_position_embeddings") or positions)
    return positions


def _gpt2(config: Mapping[str, Any]) -> DecoderShape:
    hidden, heads = int(config["n_embd"]), int(config["n_head"])
    return DecoderShape(
        layers=[Layer(None, -1)] * int(config["n_layer"]),
        ropes={},
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=int(config.get("n_inner") or 4 * hidden),
        vocabulary=int(config["vocab_size"]),
        positions=int(config["n_positions"]),
        activation=str(config["activation_function"]),
        norm=Norm("layer", float(config["layer_norm_epsilon"])),
        gated=False,
        attention_scale=(hidden // heads) ** -0.5,
    )
