"""fp32 ONNX to int8: products with dynamic activations, embedding tables row by row."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from edge_export.source import quiet

_FEWEST_ROWS = 1000  # a smaller table is not worth the two extra nodes


def quantize_int8(fp32: Path, int8: Path, *, weight_bits: int) -> dict[str, str]:
    """Write the int8 form of a directory; return what was done to which part.

    Weights are per channel and symmetric, activations unsigned and dynamic (U8S8).
    """
    shutil.copytree(fp32, int8, ignore=shutil.ignore_patterns("model.onnx*"))
    tables = int8 / "tables.onnx"
    model = onnx.load(fp32 / "model.onnx")
    found = quantize_embeddings(model)
    onnx.save_model(model, tables)
    with quiet():
        quantize_dynamic(
            tables,
            int8 / "model.onnx",
            per_channel=True,
            reduce_range=weight_bits == 7,  # noqa: PLR2004 - what onnxruntime calls it
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul"],
        )
    tables.unlink()
    done = {
        "activations": "uint8, dynamic, per tensor",
        "matmul": f"int8 ({weight_bits} bits used), per channel, symmetric",
    }
    return {**done, "embeddings": "int8, per row, symmetric"} if found else done


def quantize_embeddings(model: onnx.ModelProto) -> int:
    """Turn every large table that is only looked up into int8 rows with a scale each, in place.

    Returns the number of tables.
    """
    graph = model.graph
    by_name = {tensor.name: tensor for tensor in graph.initializer}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    count = 0
    for name, tensor in by_name.items():
        if not _is_table(tensor) or any(not _looks_up(n, name) for n in users.get(name, [])):
            continue
        table = numpy_helper.to_array(tensor)
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127.0, 1e-12)
        rows = np.round(table / scale).astype(np.int8)
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(rows, f"{name}.rows"))
        graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
        for node in users.get(name, []):
            _replace(graph, node, name)
        count += 1
    return count


def _is_table(tensor: onnx.TensorProto) -> bool:
    return (
        tensor.data_type == TensorProto.FLOAT
        and len(tensor.dims) == 2  # noqa: PLR2004
        and tensor.dims[0] >= _FEWEST_ROWS
    )


def _looks_up(node: onnx.NodeProto, name: str) -> bool:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return node.op_type == "Gather" and node.input[0] == name and axis == 0


def _replace(graph: onnx.GraphProto, node: onnx.NodeProto, table: str) -> None:
    output, ids = node.output[0], node.input[1]
    made = [
        helper.make_node("Gather", [f"{table}.rows", ids], [f"{output}.rows"]),
        helper.make_node("Cast", [f"{output}.rows"], [f"{output}.wide"], to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}.scale", ids], [f"{output}.scale"]),
        helper.make_node("Mul", [f"{output}.wide", f"{output}.scale"], [output]),
    ]
    index = list(graph.node).index(node)
    graph.node.remove(node)
    for offset, new in enumerate(made):
        graph.node.insert(index + offset, new)
