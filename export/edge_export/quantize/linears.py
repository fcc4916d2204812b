"""The products of a graph that can be quantized: found by shape, whoever made the graph."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import TensorProto

from edge_export.graphs.index import GraphIndex

_SMALLEST = 32 * 32  # weights; the overhead of smaller products eats what int8 saves
_WIDE_HEAD = 4  # times the hidden size: the head of a language model
_MATRIX = 2


@dataclass(frozen=True)
class Linear:
    """``output = input @ kernel + bias`` of a graph.

    ``weight`` is stored ``[in, out]``, or ``[out, in]`` where ``transposed``; ``tied`` says that it
    is also the table of an embedding. ``nodes`` are the nodes that compute it.
    """

    name: str
    input: str
    output: str
    weight: str
    bias: str | None
    transposed: bool
    tied: bool
    size: tuple[int, int]
    nodes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self.size[0] * self.size[1]


def find_linears(index: GraphIndex) -> list[Linear]:
    """Return all products with a constant fp32 matrix, in graph order.

    Left out are small ones and those that end in an output of the graph: a head costs nothing and
    decides everything. The head of a language model, which has the size of its embedding, stays.
    """
    found = (_linear(index, node) for node in index.model.graph.node)
    return [linear for linear in found if linear is not None and _worth_it(index, linear)]


def _linear(index: GraphIndex, node: onnx.NodeProto) -> Linear | None:
    if node.op_type not in {"MatMul", "Gemm"} or node.domain not in {"", "ai.onnx"}:
        return None
    weight = index.weights.get(node.input[1])
    if (
        weight is None
        or weight.data_type != TensorProto.FLOAT
        or len(weight.dims) != _MATRIX
        or node.input[0] in index.weights
    ):
        return None
    rows, columns = weight.dims
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == "MatMul":
        bias, last = _added_bias(index, node, columns)
        return Linear(
            node.name, node.input[0], last.output[0], weight.name, bias,
            transposed=False, tied=_is_table(index, weight.name), size=(rows, columns),
            nodes=tuple(dict.fromkeys((node.name, last.name))),
        )  # fmt: skip
    plain = all(attributes[a].f == 1.0 for a in ("alpha", "beta") if a in attributes)
    if not plain or ("transA" in attributes and attributes["transA"].i):
        return None
    bias_name = node.input[2] if len(node.input) > 2 and node.input[2] else None  # noqa: PLR2004
    if bias_name is not None and bias_name not in index.weights:
        return None
    transposed = "transB" in attributes and bool(attributes["transB"].i)
    size = (columns, rows) if transposed else (rows, columns)
    return Linear(
        node.name, node.input[0], node.output[0], weight.name, bias_name,
        transposed=transposed, tied=_is_table(index, weight.name), size=size, nodes=(node.name,),
    )  # fmt: skip


def _added_bias(
    index: GraphIndex, node: onnx.NodeProto, columns: int
) -> tuple[str | None, onnx.NodeProto]:
    users = index.users.get(node.output[0], [])
    if len(users) == 1 and users[0].op_type == "Add" and node.output[0] not in index.outputs:
        other = next((n for n in users[0].input if n != node.output[0]), "")
        tensor = index.weights.get(other)
        if tensor is not None and list(tensor.dims) == [columns]:
            return other, users[0]
    return None, node


def _is_table(index: GraphIndex, weight: str) -> bool:
    return any(user.op_type == "Gather" for user in index.users.get(weight, []))


def _worth_it(index: GraphIndex, linear: Linear) -> bool:
    if linear.parameters < _SMALLEST:
        return False
    return linear.output not in index.outputs or linear.size[1] > _WIDE_HEAD * linear.size[0]
