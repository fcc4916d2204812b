"""A decoder whose residual stream is rotated, so that no channel of it stands out.

Trained decoders have a few channels that are many times larger than the others, and int8 spends its
range on them. An orthogonal rotation of the residual stream spreads each over many channels, and
commutes with an RMS norm whose weights are folded into the products behind it, so that the function
stays the same (QuaRot, Ashkboos et al. 2024). The rotation is a block-diagonal Hadamard matrix. A
head that is its embedding table reads a rotated table; looking a token up then takes two small
products to turn its row back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_export.graphs.decoder_shape import DecoderShape

Floats = npt.NDArray[np.float32]

ROTATION = "rotation.weight"
UNSCALE = "rotation.unscale"
_LARGEST_BLOCK = 256
_SMALLEST_BLOCK = 16
_LEAST_GAIN = (
    0.02  # of the last norm, relative: a channel that it all but removes does not come back
)


def rotate(weights: dict[str, Floats], shape: DecoderShape) -> dict[str, Floats]:
    """Return the weights of the rotated decoder; the same ones where it cannot be rotated.

    ``weights`` are those of ``decoder_weights``. A norm behind a block, or one that takes the mean
    away, does not commute with a rotation.
    """
    block = _block(shape.hidden)
    behind = any(".attention_norm." in name or ".output_norm." in name for name in weights)
    last = np.abs(weights["norm.weight"])
    lost = "lm_head.weight" not in weights and last.min() < _LEAST_GAIN * last.mean()
    if shape.norm.kind != "rms" or behind or lost or block < _SMALLEST_BLOCK:
        return weights
    turn = hadamard(block)
    made = dict(weights)
    for index in range(len(shape.layers)):
        prefix = f"layers.{index}"
        for norm, product in (("input_norm", "attention.qkv"), ("mlp_norm", _first(shape))):
            gain = made[f"{prefix}.{norm}.weight"]
            kernel = made[f"{prefix}.{product}.weight"]
            made[f"{prefix}.{product}.weight"] = _turn(gain[:, None] * kernel, turn)
            made[f"{prefix}.{norm}.weight"] = np.ones_like(gain)
        for product in ("attention.out", "mlp.down"):
            for part in ("weight", "bias"):
                if (value := made.get(f"{prefix}.{product}.{part}")) is not None:
                    made[f"{prefix}.{product}.{part}"] = _turn(value.T, turn).T
    gain = made["norm.weight"]
    table = made["embed_tokens.weight"]
    made["norm.weight"] = np.ones_like(gain)
    if "lm_head.weight" in made:
        made["lm_head.weight"] = _turn(gain[:, None] * made["lm_head.weight"], turn)
        made["embed_tokens.weight"] = _turn(table.T, turn).T
    else:
        made["embed_tokens.weight"] = _turn((table * gain).T, turn).T
        made[ROTATION], made[UNSCALE] = turn[None], (1 / gain).astype(np.float32)
    return made


def hadamard(size: int) -> Floats:
    """Return the symmetric orthogonal Hadamard matrix of a power of two (Sylvester)."""
    made = np.ones((1, 1))
    while len(made) < size:
        made = np.block([[made, made], [made, -made]])
    return np.asarray(made / np.sqrt(size), dtype=np.float32)


def _block(hidden: int) -> int:
    """Return the largest power of two that divides the width, within what stays cheap."""
    return min(hidden & -hidden, _LARGEST_BLOCK)


def _first(shape: DecoderShape) -> str:
    return "mlp.gate_up" if shape.gated else "mlp.up"


def _turn(rows: Floats, turn: Floats) -> Floats:
    """Return ``turn`` (block by block) times ``rows [hidden, ...]``."""
    blocks = rows.reshape(-1, len(turn), *rows.shape[1:]).astype(np.float64)
    turned = np.einsum("ij,bj...->bi...", turn.astype(np.float64), blocks)
    return np.asarray(turned.reshape(rows.shape), dtype=np.float32)
