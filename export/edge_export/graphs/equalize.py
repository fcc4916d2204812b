"""A decoder whose inner channels are of like size, so that one range fits them all.

Where a product's input comes straight from another product, a channel can be made smaller in the
one and larger in the other without a change of the function (cross-layer equalization, Nagel et al.
2019): value channels before the attention's output, and ``up`` channels before ``down``. Where a
norm lies between, quantization moves the scales by what it has seen instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_export.graphs.decoder_shape import DecoderShape

Floats = npt.NDArray[np.float32]

_LARGEST = 16.0  # factor, and its inverse the smallest


def equalize(weights: dict[str, Floats], shape: DecoderShape) -> dict[str, Floats]:
    """Return the weights of the equalized decoder; ``weights`` are those of ``decoder_weights``."""
    made = dict(weights)
    for index in range(len(shape.layers)):
        _values(made, f"layers.{index}.attention", shape)
        if shape.gated:
            _gated(made, f"layers.{index}.mlp", shape)
    return made


def _values(made: dict[str, Floats], prefix: str, shape: DecoderShape) -> None:
    """Equalize each channel of each key-value head, which several query heads may share."""
    width, groups = shape.head_dim, shape.heads // shape.kv_heads
    first = (shape.heads + shape.kv_heads) * width
    kernel = made[f"{prefix}.out.weight"]
    by_head = kernel.reshape(shape.kv_heads, groups, width, -1)
    before = np.linalg.norm(made[f"{prefix}.qkv.weight"][:, first:], axis=0)
    factors = _factors(before, np.abs(by_head).max(axis=(1, 3)).reshape(-1))
    _divide_columns(made, f"{prefix}.qkv", first, factors)
    spread = factors.reshape(shape.kv_heads, 1, width, 1)
    made[f"{prefix}.out.weight"] = (by_head * spread).reshape(kernel.shape).astype(np.float32)


def _gated(made: dict[str, Floats], prefix: str, shape: DecoderShape) -> None:
    """Equalize the channels of ``up``; those of the gate go through the activation."""
    first = shape.intermediate
    norms = np.linalg.norm(made[f"{prefix}.gate_up.weight"], axis=0)
    kernel = made[f"{prefix}.down.weight"]
    factors = _factors(norms[:first] * norms[first:], np.abs(kernel).max(axis=1))
    _divide_columns(made, f"{prefix}.gate_up", first, factors)
    made[f"{prefix}.down.weight"] = (kernel * factors[:, None]).astype(np.float32)


def _divide_columns(
    made: dict[str, Floats], product: str, first: int, factors: npt.NDArray[np.floating]
) -> None:
    for part in ("weight", "bias"):
        if (value := made.get(f"{product}.{part}")) is not None:
            changed = value.astype(np.float64)
            changed[..., first:] /= factors
            made[f"{product}.{part}"] = changed.astype(np.float32)


def _factors(
    before: npt.NDArray[np.floating], after: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Return what shares the spread of the channels out between both products."""
    found = np.sqrt(np.maximum(before, 1e-9) / np.maximum(after, 1e-9))
    even = found / np.exp(np.log(found).mean())
    return np.asarray(np.clip(even, 1 / _LARGEST, _LARGEST))
