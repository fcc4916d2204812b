"""A decoder as a fused fp32 graph with a shared KV buffer, straight from config and weights.

One packed QKV product, GroupQueryAttention with the rotary embedding inside, one packed gate/up
product, and the head tied to the embedding table: the form that measured fastest on the CPU. A
residual sum and its norm stay two nodes, because ONNX Runtime's SkipSimplifiedLayerNormalization
takes 2.9 times as long as they do (128 x 576 on the CPU). It is fused already: a session must not
optimise it beyond ``basic``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from edge_export.graphs.builder import CONTRIB, GraphBuilder
from edge_export.graphs.decoder_shape import DecoderShape, Norm, Rope
from edge_export.graphs.rotate import ROTATION, UNSCALE
from edge_runtime.inference.decoder import STATES

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

_EMBEDDING = "embed_tokens.weight"


def build_decoder(shape: DecoderShape, weights: Weights, max_length: int) -> onnx.ModelProto:
    """Return the fp32 graph of a decoder.

    In: ``input_ids [batch, tokens]`` and ``attention_mask [batch, total]`` int64,
    ``num_logits_to_keep`` int64 scalar (0 for all), ``past_key_values.N.key`` and ``.value``
    ``[batch, kv_heads, past, head_dim]`` fp32. Out: ``logits [batch, kept, vocabulary]``, the
    ``last_hidden_state [batch, kept, hidden]`` that the head reads (in this graph's own basis:
    rotated, and scaled where quantization moves scales into its norm), and ``present.N.key`` and
    ``.value``, for which the past may be bound when it is ``max_length`` long. ``weights`` have the
    names that ``decoder_weights`` gives them.
    """
    return _Decoder(shape, weights, max_length).model()


@dataclass(frozen=True)
class _Residual:
    """The residual stream: what was summed so far, and what comes on top at the next norm."""

    total: str
    added: str | None = None


class _Decoder:
    def __init__(self, shape: DecoderShape, weights: Weights, max_length: int) -> None:
        self._shape = shape
        self._weights = weights
        self._max_length = max_length
        self._graph = GraphBuilder()

    def model(self) -> onnx.ModelProto:
        graph, shape = self._graph, self._shape
        ids = graph.input("input_ids", ["batch", "tokens"])
        mask = graph.input("attention_mask", ["batch", "total"])
        keep = graph.input("num_logits_to_keep", [])
        for index in range(len(shape.layers)):
            for part in ("key", "value"):
                name = f"past_key_values.{index}.{part}"
                graph.input(name, self._cache_shape("past"), TensorProto.FLOAT)
        lengths = self._lengths(mask)
        stream = _Residual(self._embed(ids, mask))
        for index in range(len(shape.layers)):
            stream = self._layer(index, stream, lengths)
        hidden = self._last_norm(stream, keep)
        self._head(hidden)
        graph.publish(hidden, STATES, ["batch", "kept", shape.hidden])
        for index in range(len(shape.layers)):
            for part in ("key", "value"):
                graph.output(f"present.{index}.{part}", self._cache_shape("present"))
        return graph.model("decoder")

    def _cache_shape(self, length: str) -> list[str | int]:
        return ["batch", self._shape.kv_heads, length, self._shape.head_dim]

    def _lengths(self, mask: str) -> tuple[str, str]:
        """Return, as int32, the index of the last token of each row, and the whole length."""
        graph = self._graph
        axis = graph.constant([1])
        count = graph.node("ReduceSum", [mask, axis], keepdims=0)
        last = graph.node("Sub", [count, graph.constant([1])])
        whole = graph.node("Gather", [graph.node("Shape", [mask]), graph.constant(1)])
        return (
            graph.node("Cast", [last], to=TensorProto.INT32),
            graph.node("Cast", [whole], to=TensorProto.INT32),
        )

    def _embed(self, ids: str, mask: str) -> str:
        graph, shape = self._graph, self._shape
        table = graph.weight(_EMBEDDING, self._weights[_EMBEDDING])
        rows = graph.node("Gather", [table, ids], name="embed_tokens")
        if ROTATION in self._weights:  # the table is that of a rotated head, with its norm's gain
            unscale = graph.weight(UNSCALE, self._weights[UNSCALE])
            rows = self._rotate(graph.node("Mul", [self._rotate(rows), unscale]))
        if shape.embedding_scale != 1.0:
            rows = graph.node("Mul", [rows, graph.constant(shape.embedding_scale, np.float32)])
        if "embed_positions.weight" not in self._weights:
            return rows
        end = graph.node("Shape", [mask], start=1, end=2)
        begin = graph.node("Sub", [end, graph.node("Shape", [ids], start=1, end=2)])
        positions = self._weights["embed_positions.weight"][: self._max_length]
        learned = graph.weight("embed_positions.weight", positions)
        return graph.node(
            "Add", [rows, graph.node("Slice", [learned, begin, end, graph.constant([0])])]
        )

    def _rotate(self, value: str) -> str:
        """Turn states ``[batch, tokens, hidden]`` block by block; done twice it is undone."""
        graph, turn = self._graph, self._weights[ROTATION]
        # one long row of blocks: [batch, tokens * blocks, block]
        blocks = graph.node("Reshape", [value, graph.constant([0, -1, turn.shape[-1]])])
        turned = graph.node("MatMul", [blocks, graph.weight(ROTATION, turn)])
        return graph.node("Reshape", [turned, graph.constant([0, -1, self._shape.hidden])])

    def _layer(self, index: int, stream: _Residual, lengths: tuple[str, str]) -> _Residual:
        prefix = f"layers.{index}"
        shape = self._shape
        hidden, stream = self._norm(f"{prefix}.input_norm", stream, shape.norm)
        mixed = self._attention(index, hidden, lengths)
        stream = self._after(f"{prefix}.attention_norm", stream, mixed)
        hidden, stream = self._norm(f"{prefix}.mlp_norm", stream, shape.norm)
        return self._after(f"{prefix}.output_norm", stream, self._mlp(prefix, hidden))

    def _attention(self, index: int, hidden: str, lengths: tuple[str, str]) -> str:
        graph, shape = self._graph, self._shape
        layer = shape.layers[index]
        prefix = f"layers.{index}.attention"
        parts = [self._linear(f"{prefix}.qkv", hidden), "", ""]
        if shape.qk_norm:
            parts = self._normalised_heads(prefix, parts[0])
        caches = ["", ""]
        if layer.rope is not None:
            caches = self._rotary(shape.ropes[layer.rope], layer.rope)
        past = [f"past_key_values.{index}.{part}" for part in ("key", "value")]
        present = [f"present.{index}.{part}" for part in ("key", "value")]
        mixed = graph.nodes(
            "GroupQueryAttention",
            [*parts, *past, *lengths, *caches],
            [graph.fresh(), *present],
            name=prefix,
            domain=CONTRIB,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            scale=shape.attention_scale,
            softcap=shape.attention_softcap,
            local_window_size=layer.window,
            do_rotary=int(layer.rope is not None),
        )[0]
        return self._linear(f"{prefix}.out", mixed)

    def _normalised_heads(self, prefix: str, packed: str) -> list[str]:
        """Normalise every head of the queries and of the keys for itself."""
        graph, shape = self._graph, self._shape
        sizes = [count * shape.head_dim for count in (shape.heads, shape.kv_heads, shape.kv_heads)]
        query, key, value = graph.nodes("Split", [packed, graph.constant(sizes)], 3, axis=-1)
        by_head = graph.constant([0, 0, -1, shape.head_dim])
        made = []
        for name, part in (("q_norm", query), ("k_norm", key)):
            heads = graph.node("Reshape", [part, by_head])
            weight = self._weights[f"{prefix}.{name}.weight"]
            heads = graph.rms_norm(f"{prefix}.{name}", heads, weight, shape.norm.epsilon)
            made.append(graph.node("Reshape", [heads, graph.constant([0, 0, -1])]))
        return [*made, value]

    def _rotary(self, rope: Rope, name: str) -> list[str]:
        angles = np.outer(np.arange(self._max_length), rope.inverse_frequencies)
        return [
            self._graph.weight(f"rotary.{name}.{part}", (made * rope.scale).astype(np.float32))
            for part, made in (("cos", np.cos(angles)), ("sin", np.sin(angles)))
        ]

    def _mlp(self, prefix: str, hidden: str) -> str:
        graph, shape = self._graph, self._shape
        if not shape.gated:
            inner = self._activation(self._linear(f"{prefix}.mlp.up", hidden))
            return self._linear(f"{prefix}.mlp.down", inner)
        packed = self._linear(f"{prefix}.mlp.gate_up", hidden)
        sizes = graph.constant([shape.intermediate, shape.intermediate])
        gate, up = graph.nodes("Split", [packed, sizes], 2, axis=-1)
        inner = graph.node("Mul", [self._activation(gate), up])
        return self._linear(f"{prefix}.mlp.down", inner)

    def _activation(self, value: str) -> str:
        return ACTIVATIONS[self._shape.activation](self._graph, value)

    def _after(self, name: str, stream: _Residual, added: str) -> _Residual:
        """Put a block's output on the stream, normalised first where the family does so."""
        if f"{name}.weight" in self._weights:
            added, _ = self._norm(name, _Residual(added), self._shape.norm)
        return _Residual(stream.total, added)

    def _norm(self, name: str, stream: _Residual, norm: Norm) -> tuple[str, _Residual]:
        """Return the normalised stream, and the stream with everything summed."""
        graph = self._graph
        weight, bias = self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias")
        total = stream.total
        if stream.added is not None:
            total = graph.node("Add", [stream.total, stream.added])
        if norm.kind == "rms":
            return graph.rms_norm(name, total, weight, norm.epsilon), _Residual(total)
        return graph.layer_norm(name, total, weight, bias, norm.epsilon), _Residual(total)

    def _last_norm(self, stream: _Residual, keep: str) -> str:
        """Return the normalised states of the last ``keep`` tokens."""
        graph, shape = self._graph, self._shape
        total = stream.total
        if stream.added is not None:
            total = graph.node("Add", [stream.total, stream.added])
        start = graph.node("Reshape", [graph.node("Neg", [keep]), graph.constant([1])])
        end = graph.constant([np.iinfo(np.int64).max])
        kept = graph.node("Slice", [total, start, end, graph.constant([1])])
        return self._norm("norm", _Residual(kept), shape.norm)[0]

    def _head(self, kept: str) -> None:
        """Compute the logits of the states ``[batch, kept, hidden]``."""
        graph, shape = self._graph, self._shape
        capped = shape.logit_softcap > 0
        name = graph.fresh() if capped else "logits"
        if "lm_head.weight" in self._weights:
            kernel = graph.weight("lm_head.weight", self._weights["lm_head.weight"])
            product = graph.node("MatMul", [kept, kernel], name="lm_head", output=name)
        else:
            rows = graph.node("Reshape", [kept, graph.constant([-1, shape.hidden])])
            table = graph.weight(_EMBEDDING, self._weights[_EMBEDDING])
            flat = graph.node("Gemm", [rows, table], name="lm_head", transB=1)
            sizes = [
                graph.node("Shape", [kept], start=0, end=2),
                graph.constant([shape.vocabulary]),
            ]
            product = graph.node(
                "Reshape", [flat, graph.node("Concat", sizes, axis=0)], output=name
            )
        if capped:
            cap = graph.constant(shape.logit_softcap, np.float32)
            squeezed = graph.node("Tanh", [graph.node("Div", [product, cap])])
            graph.node("Mul", [squeezed, cap], output="logits")
        graph.output("logits", ["batch", "kept", shape.vocabulary])

    def _linear(self, name: str, value: str) -> str:
        return self._graph.linear(
            name, value, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias")
        )


def _contrib(operator: str) -> Callable[[GraphBuilder, str], str]:
    return lambda graph, value: graph.node(operator, [value], domain=CONTRIB)


def _silu(graph: GraphBuilder, value: str) -> str:
    return graph.node("QuickGelu", [value], domain=CONTRIB, alpha=1.0)


# by their names in HF configs
ACTIVATIONS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "silu": _silu,
    "swish": _silu,
    "gelu": _contrib("Gelu"),
    "gelu_new": _contrib("FastGelu"),
    "gelu_pytorch_tanh": _contrib("FastGelu"),
    "gelu_fast": _contrib("FastGelu"),
    "relu": lambda graph, value: graph.node("Relu", [value]),
}
