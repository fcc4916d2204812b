"""A graph with its products and tables in the chosen precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from edge_export.graphs.builder import CONTRIB
from edge_export.graphs.index import GraphIndex
from edge_export.quantize.linears import Linear
from edge_export.quantize.made import Made
from edge_export.quantize.migrate import (
    Activation,
    divide_norm,
    find_migrations,
    rename_inputs,
    set_apart,
)
from edge_export.quantize.ranges import Range
from edge_export.quantize.tables import (
    fits_blocks,
    int8_rows,
    look_up_blocks,
    look_up_rows,
    looked_up,
)
from edge_export.quantize.weights import BLOCK, in_blocks, per_column

Floats = npt.NDArray[np.float32]
# of one product, or of a table
Precision = Literal["fp32", "int8-dynamic", "int8-static", "int8-weight-only", "int4-weight-only"]

_ACCURACY_LEVEL = 4  # of MatMulNBits: int8 activations
_BITS = {"int8-weight-only": 8, "int4-weight-only": 4}


@dataclass(frozen=True)
class Plan:
    """The precision of every product by name; ``weight_bits`` is how many int8 products may use.

    ``ranges`` are those of the products' inputs; static products need them.
    """

    precisions: Mapping[str, Precision]
    tables: Precision
    weight_bits: int = 8
    ranges: Mapping[str, Range] = field(default_factory=dict)


def rewrite(index: GraphIndex, linears: list[Linear], plan: Plan) -> onnx.ModelProto:
    """Return the quantized graph; the given one is not changed.

    Products (``U8S8``, weights per column and symmetric): DynamicQuantizeMatMul; QuantizeLinear
    and MatMulIntegerToFloat, with a small fp32 product beside it for outlier channels; or
    MatMulNBits. Tables that are only looked up: int8 rows with a scale each, or blocks. A table
    that is also the head is stored once: QGemm reads the same rows, MatMulNBits the same blocks.
    """
    return _Rewriter(index, linears, plan).model()


class _Rewriter:
    def __init__(self, index: GraphIndex, linears: list[Linear], plan: Plan) -> None:
        self._index = index
        self._plan = plan
        self._linears = {n: linear for linear in linears for n in linear.nodes}
        self._made = Made()
        self._quantized_inputs: dict[str, tuple[str, str, str]] = {}
        static = [li for li in linears if plan.precisions[li.name] == "int8-static"]
        self._migrations = find_migrations(index, static, plan.ranges)
        self._tied = {li.weight: plan.precisions[li.name] for li in linears if li.tied}
        self._readers: dict[str, int] = {}
        for linear in linears:
            self._readers[linear.input] = self._readers.get(linear.input, 0) + 1

    def model(self) -> onnx.ModelProto:
        made = onnx.ModelProto()
        made.CopyFrom(self._index.model)
        renamed = {}
        for migration in self._migrations.values():
            for old, (new, value) in divide_norm(self._index, migration).items():
                renamed[migration.norm, old] = self._made.weight(new, value)
        for node in made.graph.node:
            linear = self._linears.get(node.name)
            if linear is not None and self._plan.precisions[linear.name] != "fp32":
                if node.name == linear.nodes[-1]:
                    self._product(linear)
                continue
            if self._look_up(node):
                continue
            rename_inputs(node, {old: new for (norm, old), new in renamed.items()
                                 if norm == node.name})  # fmt: skip
            self._made.nodes.append(node)
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self._made.nodes]
        made.graph.ClearField("node")
        made.graph.node.extend(nodes)
        used = set(_used(made.graph))
        kept = [tensor for tensor in made.graph.initializer if tensor.name in used]
        kept += list(self._made.weights.values())
        made.graph.ClearField("initializer")
        made.graph.initializer.extend(kept)
        made.graph.ClearField("value_info")
        if not any(opset.domain == CONTRIB for opset in made.opset_import):
            made.opset_import.append(helper.make_opsetid(CONTRIB, 1))
        return made

    # products

    def _product(self, linear: Linear) -> None:
        precision = self._plan.precisions[linear.name]
        if precision in _BITS:
            self._in_blocks(linear, _BITS[precision])
            return
        kernel = self._kernel(linear)
        if precision == "int8-dynamic":
            if linear.tied:
                self._head(linear, *self._dynamic_input(linear.input))
            elif self._readers[linear.input] > 1:
                self._integer(linear, kernel, *self._dynamic_input(linear.input))
            else:
                names = self._columns(linear, kernel)
                self._made.product(
                    "DynamicQuantizeMatMul", [linear.input, *names, "", self._bias(linear)], linear
                )
            return
        seen = self._plan.ranges[linear.input]
        migration = self._migrations.get(linear.input)
        if migration is not None:
            seen = seen.scaled(migration.factors)
            kernel = (kernel * migration.factors[:, None]).astype(np.float32)
        self._static(linear, kernel, set_apart(seen, kernel))

    def _static(self, linear: Linear, kernel: Floats, chosen: Activation) -> None:
        apart = bool(len(chosen.outliers))
        most = f"{linear.output}.inside" if apart else linear.output
        if linear.tied:  # the rows are the table's, so the channels are taken out of the input
            value = linear.input
            if apart:
                mask = np.ones(linear.size[0], dtype=np.float32)
                mask[chosen.outliers] = 0.0
                name = self._made.weight(f"{linear.name}.mask", mask)
                value = self._made.node("Mul", [linear.input, name], f"{linear.input}.masked")
            self._head(linear, *self._static_input(linear, value, chosen), output=most)
        else:
            inside = kernel
            if apart:
                inside = kernel.copy()
                inside[chosen.outliers] = 0.0
            inputs = self._static_input(linear, linear.input, chosen)
            self._integer(linear, inside, *inputs, output=most)
        if not apart:
            return
        channels = self._made.weight(f"{linear.name}.outliers", chosen.outliers)
        rows = self._made.weight(f"{linear.name}.outlier_rows", kernel[chosen.outliers])
        taken = self._made.node(
            "Gather", [linear.input, channels], f"{linear.output}.taken", axis=-1
        )
        beside = self._made.node("MatMul", [taken, rows], f"{linear.output}.beside")
        self._made.node("Add", [most, beside], linear.output)

    def _integer(
        self,
        linear: Linear,
        kernel: Floats,
        value: str,
        scale: str,
        zero: str,
        *,
        output: str | None = None,
    ) -> None:
        weight, factors = self._columns(linear, kernel)
        inputs = [value, weight, scale, factors, zero, "", self._bias(linear)]
        self._made.product("MatMulIntegerToFloat", inputs, linear, output=output)

    def _head(
        self, linear: Linear, value: str, scale: str, zero: str, *, output: str | None = None
    ) -> None:
        """Multiply with the rows of the embedding table, as they are stored."""
        bits = self._plan.weight_bits
        rows, factors = int8_rows(self._made, self._index, linear.weight, bits)
        flat = self._made.weight(f"{linear.weight}.flat_scale", factors.reshape(-1))
        zeros = self._made.weight(f"{linear.weight}.zero", np.zeros(len(factors), dtype=np.int8))
        inputs = [value, scale, zero, rows, flat, zeros]
        if linear.bias is not None:
            raise AssertionError("a tied head has no bias of its own")
        self._made.product("QGemm", inputs, linear, output=output, transB=1)

    def _in_blocks(self, linear: Linear, bits: int) -> None:
        kernel = self._kernel(linear)
        block = BLOCK[bits]
        blocks, scales = in_blocks(np.ascontiguousarray(kernel.T), bits, block)
        inputs = [
            linear.input,
            self._made.weight(f"{linear.weight}.q{bits}", blocks),
            self._made.weight(f"{linear.weight}.q{bits}_scale", scales),
            "",
            "",
            self._bias(linear),
        ]
        self._made.product(
            "MatMulNBits", inputs, linear, K=linear.size[0], N=linear.size[1], bits=bits,
            block_size=block, accuracy_level=_ACCURACY_LEVEL,
        )  # fmt: skip

    def _dynamic_input(self, value: str) -> tuple[str, str, str]:
        if value not in self._quantized_inputs:
            names = (f"{value}.u8", f"{value}.scale", f"{value}.zero")
            node = helper.make_node("DynamicQuantizeLinear", [value], list(names), name=names[0])
            self._made.nodes.append(node)
            self._quantized_inputs[value] = names
        return self._quantized_inputs[value]

    def _static_input(
        self, linear: Linear, source: str, chosen: Activation
    ) -> tuple[str, str, str]:
        prefix = f"{linear.name}.input"
        scale = self._made.weight(f"{prefix}.scale", np.float32(chosen.scale))
        zero = self._made.weight(f"{prefix}.zero", np.uint8(chosen.zero_point))
        value = self._made.node("QuantizeLinear", [source, scale, zero], f"{prefix}.u8")
        return value, scale, zero

    def _columns(self, linear: Linear, kernel: Floats) -> tuple[str, str]:
        quantized, scale = per_column(kernel, self._plan.weight_bits)
        return (
            self._made.weight(f"{linear.weight}.int8", quantized),
            self._made.weight(f"{linear.weight}.scale", scale),
        )

    def _kernel(self, linear: Linear) -> Floats:
        array = np.asarray(self._index.array(linear.weight), dtype=np.float32)
        return array.T if linear.transposed else array

    def _bias(self, linear: Linear) -> str:
        return linear.bias or ""

    # tables

    def _look_up(self, node: onnx.NodeProto) -> bool:
        """Quantize the table that a node looks up, if it does and may; return whether."""
        table = looked_up(self._index, node)
        if table is None:
            return False
        precision = self._tied.get(table, self._plan.tables)
        others = any(user.op_type != "Gather" for user in self._index.users[table])
        if precision == "fp32" or (others and table not in self._tied):
            return False
        bits = _BITS.get(precision)
        if bits is not None and fits_blocks(self._index, table, bits):
            look_up_blocks(self._made, self._index, node, bits)
        else:
            # the head's product may not use all bits
            used = self._plan.weight_bits if table in self._tied else 8
            look_up_rows(self._made, self._index, node, used)
        return True


def _used(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _used(attribute.g)
