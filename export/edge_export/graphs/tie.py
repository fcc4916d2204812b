"""A head that is its model's embedding table, stored once again after optimum stored it twice."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edge_export.graphs.index import GraphIndex


def tie_head(index: GraphIndex) -> bool:
    """Let the head read the table's rows, in place; returns whether there was one to tie.

    A MatMul with the transposed table becomes a Gemm with ``transB`` over the table itself.
    """
    tables = {
        node.input[0]: index.weights[node.input[0]]
        for node in index.model.graph.node
        if node.op_type == "Gather" and node.input[0] in index.weights
    }
    for node in index.model.graph.node:
        tensor = index.weights.get(node.input[1]) if node.op_type == "MatMul" else None
        if tensor is None:
            continue
        for name, table in tables.items():
            if list(table.dims) == list(tensor.dims)[::-1] and np.array_equal(
                index.array(name), index.array(tensor.name).T
            ):
                _replace(index, node, name)
                return True
    return False


def _replace(index: GraphIndex, node: onnx.NodeProto, table: str) -> None:
    graph = index.model.graph
    vocabulary, width = index.weights[table].dims
    prefix = f"{node.output[0]}.tied"
    for name, value in (("width", [-1, width]), ("vocabulary", [vocabulary])):
        graph.initializer.append(helper.make_tensor(f"{prefix}.{name}", 7, [len(value)], value))
    made = [
        helper.make_node("Reshape", [node.input[0], f"{prefix}.width"], [f"{prefix}.rows"]),
        helper.make_node("Gemm", [f"{prefix}.rows", table], [f"{prefix}.flat"], transB=1),
        helper.make_node("Shape", [node.input[0]], [f"{prefix}.leading"], start=0, end=-1),
        helper.make_node(
            "Concat", [f"{prefix}.leading", f"{prefix}.vocabulary"], [f"{prefix}.shape"], axis=0
        ),
        helper.make_node("Reshape", [f"{prefix}.flat", f"{prefix}.shape"], [node.output[0]]),
    ]
    for new in made:
        new.name = new.output[0]
    made[1].name = node.name
    old = node.input[1]
    position = list(graph.node).index(node)
    nodes = [*graph.node[:position], *made, *graph.node[position + 1 :]]
    copies = [onnx.NodeProto.FromString(each.SerializeToString()) for each in nodes]
    graph.ClearField("node")
    graph.node.extend(copies)
    if len(index.users[old]) == 1:
        graph.initializer.remove(index.weights[old])
