"""What a rewritten graph is made of: new nodes in order, and new weights by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_export.graphs.builder import CONTRIB
from edge_export.quantize.linears import Linear


class Made:
    """Collects nodes and weights; the same weight is made once."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}

    def weight(self, name: str, value: npt.NDArray[np.generic] | np.generic) -> str:
        """Add a weight under a name of its own."""
        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def node(
        self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: int
    ) -> str:
        """Add a node that is called after its output, and return that."""
        made = helper.make_node(operator, inputs, [output], name=output, domain=domain)
        self._append(made, attributes)
        return output

    def product(
        self,
        operator: str,
        inputs: list[str],
        linear: Linear,
        *,
        output: str | None = None,
        **attributes: int,
    ) -> None:
        """Add the node that takes the place of a product, under its name."""
        while inputs[-1] == "":
            inputs.pop()
        named = output or linear.output
        made = helper.make_node(operator, inputs, [named], name=linear.name, domain=CONTRIB)
        self._append(made, attributes)

    def _append(self, node: onnx.NodeProto, attributes: Mapping[str, int]) -> None:
        node.attribute.extend(helper.make_attribute(key, v) for key, v in attributes.items())
        self.nodes.append(node)
