"""The weights of a decoder under the names that the fused graph uses, packed as it wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from edge_export.graphs.decoder_shape import DecoderShape

Floats = npt.NDArray[np.float32]

_NORMS = {
    # name in the graph -> name in the model, without and with norms behind the blocks
    "input_norm": ("input_layernorm", "input_layernorm"),
    "attention_norm": (None, "post_attention_layernorm"),
    "mlp_norm": ("post_attention_layernorm", "pre_feedforward_layernorm"),
    "output_norm": (None, "post_feedforward_layernorm"),
}


def decoder_weights(
    state: Mapping[str, Floats], shape: DecoderShape, model_type: str
) -> dict[str, Floats]:
    """Return kernels ``[in, out]``, biases, norms and tables of a transformers state dict.

    Packed are query, key and value, and gate and up. ``lm_head.weight`` is left out when it is the
    embedding table.
    """
    named = dict(_gpt2(state) if model_type == "gpt2" else _llama(state, shape, model_type))
    head, table = state.get("lm_head.weight"), named["embed_tokens.weight"]
    if head is not None and not (head.shape == table.shape and np.array_equal(head, table)):
        named["lm_head.weight"] = head.T
    return named


def _llama(
    state: Mapping[str, Floats], shape: DecoderShape, model_type: str
) -> Iterator[tuple[str, Floats]]:
    offset = 1.0 if model_type.startswith("gemma") else 0.0  # gemma's norms are stored around 0
    after = int("model.layers.0.post_feedforward_layernorm.weight" in state)
    yield "embed_tokens.weight", state["model.embed_tokens.weight"]
    yield "norm.weight", state["model.norm.weight"] + np.float32(offset)
    for index in range(len(shape.layers)):
        source, target = f"model.layers.{index}", f"layers.{index}"
        for name, both in _NORMS.items():
            if both[after] is not None:
                weight = state[f"{source}.{both[after]}.weight"]
                yield f"{target}.{name}.weight", weight + np.float32(offset)
        attention = f"{source}.self_attn"
        for name in ("q_norm", "k_norm"):
            if (norm := state.get(f"{attention}.{name}.weight")) is not None:
                yield f"{target}.attention.{name}.weight", norm + np.float32(offset)
        yield from _packed(
            state, f"{target}.attention.qkv", f"{attention}.qkv_proj",
            [f"{attention}.{part}_proj" for part in ("q", "k", "v")],
        )  # fmt: skip
        yield from _packed(state, f"{target}.attention.out", f"{attention}.o_proj", [])
        yield from _packed(
            state, f"{target}.mlp.gate_up", f"{source}.mlp.gate_up_proj",
            [f"{source}.mlp.{part}_proj" for part in ("gate", "up")],
        )  # fmt: skip
        yield from _packed(state, f"{target}.mlp.down", f"{source}.mlp.down_proj", [])


def _packed(
    state: Mapping[str, Floats], target: str, whole: str, parts: list[str]
) -> Iterator[tuple[str, Floats]]:
    """Yield kernel and bias of one product: as stored, or its parts side by side."""
    names = [whole] if f"{whole}.weight" in state else parts
    yield f"{target}.weight", np.concatenate([state[f"{n}.weight"] for n in names]).T
    if any(f"{n}.bias" in state for n in names):
        rows = [state.get(f"{n}.bias", np.zeros(len(state[f"{n}.weight"]), "f4")) for n in names]
        yield f"{target}.bias", np.concatenate(rows)


def _gpt2(state: Mapping[str, Floats]) -> Iterator[tuple[str, Floats]]:
    renamed = {
        "wte": "embed_tokens", "wpe": "embed_positions", "ln_f": "norm", "ln_1": "input_norm",
        "ln_2": "mlp_norm", "attn.c_attn": "attention.qkv", "attn.c_proj": "attention.out",
        "mlp.c_fc": "mlp.up", "mlp.c_proj": "mlp.down",
    }  # fmt: skip
    for name, value in state.items():
        if not name.startswith("transformer."):
            continue
        module, _, kind = name.removeprefix("transformer.").rpartition(".")
        index = ""
        if module.startswith("h."):
            _, number, module = module.split(".", 2)
            index = f"layers.{number}."
        if module in renamed:  # not the causal mask that old checkpoints carry
            yield f"{index}{renamed[module]}.{kind}", value
