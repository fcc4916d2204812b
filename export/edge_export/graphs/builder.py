"""Small steps from which an fp32 graph is built: nodes, named weights, linear layers, norms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"
OPSET = 18
_IR_VERSION = 9  # read by every onnxruntime that the runtime accepts

Shape = Sequence[str | int]
Array = npt.NDArray[np.generic]


class GraphBuilder:
    """Collects the nodes and initializers of a graph in order.

    Names of values are made up; weights keep their PyTorch names and products are called after
    the module that they belong to, so that a report on a graph can be read.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(self, name: str, shape: Shape, kind: int = TensorProto.INT64) -> str:
        """Declare an input of the graph."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> None:
        """Declare a value as an output of the graph."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def publish(self, value: str, name: str, shape: Shape) -> None:
        """Give a value a name for the world outside, and declare it as an output of the graph."""
        for node in self._nodes:
            for names in (node.input, node.output):
                for index, taken in enumerate(names):
                    if taken == value:
                        names[index] = name
        self.output(name, shape)

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        *,
        output: str | None = None,
        name: str = "",
        domain: str = "",
        **attributes: float | str | Sequence[int] | onnx.GraphProto,
    ) -> str:
        """Add a node with one output and return that; an empty input is left out."""
        return self.nodes(
            operator, inputs, [output or self.fresh()], name=name, domain=domain, **attributes
        )[0]

    def nodes(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: int | Sequence[str],
        *,
        name: str = "",
        domain: str = "",
        **attributes: float | str | Sequence[int] | onnx.GraphProto,
    ) -> list[str]:
        """Add a node with several outputs, made up or named, and return them."""
        made = [self.fresh() for _ in range(outputs)] if isinstance(outputs, int) else list(outputs)
        node = helper.make_node(operator, list(inputs), made, name=name or made[0], domain=domain)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self._nodes.append(node)
        return made

    def constant(self, value: npt.ArrayLike, kind: npt.DTypeLike = np.int64) -> str:
        """Add a small constant."""
        return self.weight(self.fresh(), np.asarray(value, dtype=kind))

    def weight(self, name: str, value: Array) -> str:
        """Add an initializer under a name of its own; the same name twice is the same weight."""
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def linear(self, name: str, value: str, kernel: Array, bias: Array | None = None) -> str:
        """Return ``value @ kernel + bias`` for a kernel ``[in, out]``: MatMul, then Add.

        The MatMul node is called ``name``: quantization finds and reports it by that.
        """
        product = self.node("MatMul", [value, self.weight(f"{name}.weight", kernel)], name=name)
        if bias is None:
            return product
        return self.node("Add", [product, self.weight(f"{name}.bias", bias)])

    def layer_norm(
        self, name: str, value: str, weight: Array, bias: Array | None, epsilon: float
    ) -> str:
        """Normalise over the last axis."""
        inputs = [value, self.weight(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.weight(f"{name}.bias", bias))
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=epsilon)

    def rms_norm(self, name: str, value: str, weight: Array, epsilon: float) -> str:
        """Scale to root mean square 1 over the last axis (Zhang and Sennrich 2019)."""
        inputs = [value, self.weight(f"{name}.weight", weight)]
        return self.node("SimplifiedLayerNormalization", inputs, axis=-1, epsilon=epsilon)

    def fresh(self) -> str:
        """Return a name that no other value has."""
        self._count += 1
        return f"t{self._count}"

    def model(self, name: str) -> onnx.ModelProto:
        """Return the model with all that was added; the builder is empty afterwards.

        Weights are moved one by one: protobuf copies no message of 2 GB or more.
        """
        model = onnx.ModelProto(ir_version=_IR_VERSION, producer_name="edge-export")
        model.opset_import.extend([helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)])
        model.graph.name = name
        model.graph.node.extend(self._nodes)
        model.graph.input.extend(self._inputs)
        model.graph.output.extend(self._outputs)
        while self._initializers:
            first = next(iter(self._initializers))
            model.graph.initializer.append(self._initializers.pop(first))
        return model
