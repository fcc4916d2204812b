"""Weights in fewer bits: per column or row for integer products, in blocks for weight-only ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LEAST = 1e-12  # scale of a column of zeros
BLOCK = {8: 32, 4: 64}  # weights that share a scale: the sizes with the best accuracy for speed


def per_column(kernel: Floats, bits: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return int8 ``[in, out]`` and scales ``[out]``, symmetric, of which ``bits`` are used."""
    largest = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(kernel).max(axis=0) / largest, _LEAST).astype(np.float32)
    return np.rint(kernel / scale).astype(np.int8), scale


def per_row(table: Floats, bits: int = 8) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return int8 ``[rows, width]`` and scales ``[rows, 1]``, symmetric."""
    largest = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / largest, _LEAST)
    return np.rint(table / scale).astype(np.int8), scale.astype(np.float32)


def in_blocks(
    rows: Floats, bits: int, block: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return ``[out, blocks, block * bits / 8]`` uint8 and scales ``[out, blocks]``.

    ``rows`` is ``[out, in]``. Symmetric around ``2 ** (bits - 1)``, which is MatMulNBits' zero
    point when none is given; the value of the largest magnitude in a block lands exactly on the
    long end of the range, as in llama.cpp's Q4_0. In 4 bits the even element is the low half.
    """
    out, width = rows.shape
    blocks = -(-width // block)
    padded = np.zeros((out, blocks * block), dtype=np.float32)
    padded[:, :width] = rows
    grouped = padded.reshape(out, blocks, block)
    zero = 2 ** (bits - 1)
    place = np.abs(grouped).argmax(axis=2)[..., None]
    extreme = np.take_along_axis(grouped, place, axis=2)[..., 0]
    scale = np.abs(extreme) / (zero - 1) if bits == 8 else extreme / -zero  # noqa: PLR2004
    scale = np.where(np.abs(scale) < _LEAST, _LEAST, scale).astype(np.float32)
    levels = np.clip(np.rint(grouped / scale[..., None]) + zero, 0, 2 * zero - 1).astype(np.uint8)
    if bits == 8:  # noqa: PLR2004
        return levels, scale
    return (levels[..., 0::2] | (levels[..., 1::2] << 4)).astype(np.uint8), scale
