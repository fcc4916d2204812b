"""A BERT encoder with its heads as a fused ONNX graph, fp32 or int8, straight from the weights.

One packed QKV product for each layer, MultiHeadAttention, one Gelu node, and Add followed by
LayerNormalization, because ONNX Runtime's SkipLayerNormalization is about nine times slower on
the CPU. It is fused already: a session must not optimise it beyond ``basic``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.bundles.manifest import Head

OPSET = 17
_CONTRIB = "com.microsoft"
Precision = Literal["fp32", "int8"]


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder, from its HF config."""

    layers: int
    heads: int
    epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Shape:
        """Read the HF config of a BERT model."""
        return cls(
            layers=int(str(config["num_hidden_layers"])),
            heads=int(str(config["num_attention_heads"])),
            epsilon=float(str(config["layer_norm_eps"])),
        )


def build_encoder(
    weights: Mapping[str, np.ndarray],
    shape: Shape,
    heads: Mapping[str, Head],
    precision: Precision,
    *,
    weight_bits: int = 8,
) -> onnx.ModelProto:
    """Return the model: int64 ``input_ids``, ``attention_mask``, ``token_type_ids`` ``[B, S]`` in.

    Outputs by head: classification logits ``[B, labels]``, tagging logits ``[B, S, tags]``,
    embedding unit vectors ``[B, hidden]``; all fp32. ``weights`` have the names of
    ``MultiTaskEncoder.state_dict()``. ``weight_bits`` of 7 keeps U8S8 products from saturating on
    x86 CPUs without VNNI.
    """
    return _Builder(weights, shape, precision, weight_bits).model(heads)


class _Builder:
    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        shape: Shape,
        precision: Precision,
        weight_bits: int,
    ) -> None:
        self._weights = weights
        self._shape = shape
        self._int8 = precision == "int8"
        self._largest = float(2 ** (weight_bits - 1) - 1)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._count = 0

    def model(self, heads: Mapping[str, Head]) -> onnx.ModelProto:
        hidden = self._embed()
        mask = self._node("Cast", ["attention_mask"], to=TensorProto.INT32)
        for layer in range(self._shape.layers):
            hidden = self._layer(f"encoder.encoder.layer.{layer}", hidden, mask)
        outputs = [self._head(name, head, hidden) for name, head in heads.items()]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        graph = helper.make_graph(self._nodes, "encoder", inputs, outputs, self._initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="edge-export")
        model.ir_version = 9  # read by every onnxruntime that the runtime accepts
        return model

    # pieces of the network

    def _embed(self) -> str:
        prefix = "encoder.embeddings"
        words = self._embedding_rows(f"{prefix}.word_embeddings.weight", "input_ids")
        positions = self._constant(self._weights[f"{prefix}.position_embeddings.weight"])
        tokens = self._node("Shape", ["input_ids"], start=1, end=2)
        zero = self._constant(np.zeros(1, dtype=np.int64))
        position = self._node("Slice", [positions, zero, tokens, zero])
        types = self._constant(self._weights[f"{prefix}.token_type_embeddings.weight"])
        total = self._node("Add", [words, self._node("Gather", [types, "token_type_ids"])])
        total = self._node("Add", [total, position])
        return self._normalise(f"{prefix}.LayerNorm", total)

    def _embedding_rows(self, name: str, ids: str) -> str:
        table = self._weights[name]
        if not self._int8:
            return self._node("Gather", [self._constant(table), ids])
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127.0, 1e-12)
        quantized = self._constant(np.round(table / scale).astype(np.int8))
        rows = self._node("Gather", [quantized, ids])
        rows = self._node("Cast", [rows], to=TensorProto.FLOAT)
        factors = self._node("Gather", [self._constant(scale.astype(np.float32)), ids])
        return self._node("Mul", [rows, factors])

    def _layer(self, prefix: str, hidden: str, mask: str) -> str:
        attention = f"{prefix}.attention"
        parts = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
        kernel = np.concatenate([self._weights[f"{p}.weight"].T for p in parts], axis=1)
        bias = np.concatenate([self._weights[f"{p}.bias"] for p in parts])
        packed = self._linear(hidden, kernel, bias)
        split = [self._fresh() for _ in range(3)]
        sizes = self._constant(np.full(3, kernel.shape[1] // 3, dtype=np.int64))
        self._nodes.append(helper.make_node("Split", [packed, sizes], split, axis=-1))
        mixed = self._node(
            "MultiHeadAttention", [*split, "", mask], domain=_CONTRIB, num_heads=self._shape.heads
        )
        mixed = self._dense(f"{attention}.output.dense", mixed)
        hidden = self._add_normalise(f"{attention}.output.LayerNorm", mixed, hidden)
        inner = self._dense(f"{prefix}.intermediate.dense", hidden)
        inner = self._node("Gelu", [inner], domain=_CONTRIB)
        outer = self._dense(f"{prefix}.output.dense", inner)
        return self._add_normalise(f"{prefix}.output.LayerNorm", outer, hidden)

    def _head(self, name: str, head: Head, hidden: str) -> onnx.ValueInfoProto:
        if head.type == "embedding":
            return self._pool(head.output, hidden)
        dimensions: list[str | int] = ["batch", "tokens"]
        if head.type == "classification":
            first = self._constant(np.zeros((), dtype=np.int64))
            hidden = self._node("Gather", [hidden, first], axis=1)
            dimensions = ["batch"]
        kernel = self._weights[f"heads.{name}.weight"].T
        product = self._node("MatMul", [hidden, self._constant(kernel)])
        bias = self._constant(self._weights[f"heads.{name}.bias"])
        self._nodes.append(helper.make_node("Add", [product, bias], [head.output]))
        return helper.make_tensor_value_info(
            head.output, TensorProto.FLOAT, [*dimensions, kernel.shape[1]]
        )

    def _pool(self, output: str, hidden: str) -> onnx.ValueInfoProto:
        axis = self._constant(np.array([1], dtype=np.int64))
        weights = self._node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        last = self._constant(np.array([-1], dtype=np.int64))
        weights = self._node("Unsqueeze", [weights, last])
        total = self._node("ReduceSum", [self._node("Mul", [hidden, weights]), axis], keepdims=0)
        length = self._node("ReduceL2", [total], axes=[-1], keepdims=1)
        self._nodes.append(helper.make_node("Div", [total, length], [output]))
        size = self._weights["encoder.embeddings.word_embeddings.weight"].shape[1]
        return helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", size])

    # operators

    def _dense(self, prefix: str, value: str) -> str:
        return self._linear(
            value, self._weights[f"{prefix}.weight"].T, self._weights[f"{prefix}.bias"]
        )

    def _linear(self, value: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """Return ``value @ kernel + bias``; int8: per column, symmetric, dynamic activations."""
        if not self._int8:
            product = self._node("MatMul", [value, self._constant(kernel)])
            return self._node("Add", [product, self._constant(bias)])
        scale = np.maximum(np.abs(kernel).max(axis=0) / self._largest, 1e-12).astype(np.float32)
        quantized = np.round(kernel / scale).astype(np.int8)
        inputs = [
            value, self._constant(quantized), self._constant(scale), "", self._constant(bias)
        ]  # fmt: skip
        return self._node("DynamicQuantizeMatMul", inputs, domain=_CONTRIB)

    def _add_normalise(self, prefix: str, value: str, residual: str) -> str:
        return self._normalise(prefix, self._node("Add", [value, residual]))

    def _normalise(self, prefix: str, value: str) -> str:
        inputs = [
            value,
            self._constant(self._weights[f"{prefix}.weight"]),
            self._constant(self._weights[f"{prefix}.bias"]),
        ]
        return self._node("LayerNormalization", inputs, axis=-1, epsilon=self._shape.epsilon)

    def _node(
        self,
        operator: str,
        inputs: list[str],
        *,
        domain: str = "",
        **attributes: float | str | list[int],
    ) -> str:
        output = self._fresh()
        node = helper.make_node(operator, inputs, [output], domain=domain)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self._nodes.append(node)
        return output

    def _constant(self, value: np.ndarray) -> str:
        name = self._fresh()
        self._initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _fresh(self) -> str:
        self._count += 1
        return f"t{self._count}"
