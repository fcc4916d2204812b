"""Embedding tables: int8 rows with a scale each, or blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from edge_export.graphs.builder import CONTRIB
from edge_export.graphs.index import GraphIndex
from edge_export.quantize.made import Made
from edge_export.quantize.weights import BLOCK, in_blocks, per_row

Floats = npt.NDArray[np.float32]

_FEWEST_ROWS = 1000  # a smaller table is not worth the extra nodes
_MATRIX = 2


def looked_up(index: GraphIndex, node: onnx.NodeProto) -> str | None:
    """Return the name of the fp32 table whose rows a node looks up, None if it is no such node."""
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    tensor = index.weights.get(node.input[0]) if node.op_type == "Gather" and axis == 0 else None
    if (
        tensor is None
        or tensor.data_type != TensorProto.FLOAT
        or len(tensor.dims) != _MATRIX
        or tensor.dims[0] < _FEWEST_ROWS
    ):
        return None
    return str(tensor.name)


def look_up_rows(made: Made, index: GraphIndex, node: onnx.NodeProto, bits: int) -> None:
    """Take the place of a node that looks rows up: int8 rows, times the scale of each."""
    table, ids = node.input[0], node.input[1]
    output = node.output[0]
    rows, scales = int8_rows(made, index, table, bits)
    scale = made.weight(f"{table}.row_scale", scales)
    taken = made.node("Gather", [rows, ids], f"{output}.rows")
    wide = made.node("Cast", [taken], f"{output}.wide", to=TensorProto.FLOAT)
    factors = made.node("Gather", [scale, ids], f"{output}.factors")
    made.node("Mul", [wide, factors], output)


def look_up_blocks(made: Made, index: GraphIndex, node: onnx.NodeProto, bits: int) -> None:
    """Take the place of a node that looks rows up: the blocks that MatMulNBits reads too."""
    table, ids = node.input[0], node.input[1]
    array = np.asarray(index.array(table), dtype=np.float32)
    blocks, scales = in_blocks(array, bits, BLOCK[bits])
    rows = made.weight(f"{table}.q{bits}_rows", blocks.reshape(len(blocks), -1))
    factors = made.weight(f"{table}.q{bits}_scale", scales)
    made.node(
        "GatherBlockQuantized", [rows, ids, factors], node.output[0], domain=CONTRIB,
        bits=bits, block_size=BLOCK[bits], gather_axis=0, quantize_axis=1,
    )  # fmt: skip


def fits_blocks(index: GraphIndex, table: str, bits: int) -> bool:
    """Whether the rows of a table are whole blocks."""
    return bool(index.weights[table].dims[1] % BLOCK[bits] == 0)


def int8_rows(made: Made, index: GraphIndex, table: str, bits: int) -> tuple[str, Floats]:
    """Return the name of a table's int8 rows, and their scales ``[rows, 1]``."""
    rows, scale = per_row(np.asarray(index.array(table), dtype=np.float32), bits)
    return made.weight(f"{table}.rows", rows), scale
