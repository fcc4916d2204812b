"""Who makes and who uses which value of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from edge_export.graphs.external import array_of


@dataclass
class GraphIndex:
    """A graph, with the directory of its external weights, looked up by the names of values.

    It does not follow changes of the graph: make a new one after each.
    """

    model: onnx.ModelProto
    directory: Path
    weights: dict[str, TensorProto] = field(init=False)
    users: dict[str, list[onnx.NodeProto]] = field(init=False)
    makers: dict[str, onnx.NodeProto] = field(init=False)

    def __post_init__(self) -> None:
        graph = self.model.graph
        for number, node in enumerate(graph.node):
            node.name = node.name or f"node.{number}"
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.users = {}
        self.makers = {}
        for node in graph.node:
            for name in set(node.input) | set(_captured(node)):
                self.users.setdefault(name, []).append(node)
            for name in node.output:
                self.makers[name] = node
        self.outputs = {value.name for value in graph.output}

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """Return a weight."""
        return array_of(self.weights[name], self.directory)


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the values that graphs inside a node may take from outside."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                yield from inner.input
                yield from _captured(inner)
