"""PyTorch modules of an encoder as nodes: each takes its weights by its module path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import onnx
from onnx import TensorProto, helper

from edge_export.graphs.builder import CONTRIB, Array, GraphBuilder
from edge_runtime.bundles.manifest import Task
from edge_runtime.errors import UnsupportedTaskError

IDS = "input_ids"
MASK = "attention_mask"
TYPES = "token_type_ids"

Config = Mapping[str, Any]

MASK_FREE_TOKENS = 64  # from so many tokens on, no mask where all are real

_GELU = ("Gelu", CONTRIB)
_TANH_GELU = ("FastGelu", CONTRIB)
_ACTIVATIONS = {
    "gelu": _GELU,
    "gelu_python": _GELU,
    "gelu_accurate": _TANH_GELU,
    "gelu_fast": _TANH_GELU,
    "gelu_new": _TANH_GELU,
    "gelu_python_tanh": _TANH_GELU,
    "gelu_pytorch_tanh": _TANH_GELU,
    "relu": ("Relu", ""),
    "tanh": ("Tanh", ""),
}


class Family(Protocol):
    """An architecture, made for a graph, a config and the path of the encoder in the state dict.

    Raises:
        UnsupportedTaskError: the config asks for something that its nodes do not do.
    """

    reads_first: bool
    """Whether text classification looks at the first token alone."""

    def encode(self, *, first_only: bool) -> str:
        """Return the last hidden states ``[batch, tokens, hidden]``.

        With ``first_only`` the last layer is computed for the first token alone, which gives
        ``[batch, 1, hidden]``.
        """

    def text_logits(self, hidden: str) -> str:
        """Return ``[batch, labels]`` of a sequence classifier."""

    def token_logits(self, hidden: str, task: Task) -> str:
        """Return ``[batch, tokens, labels]`` of a tagger, ``[batch, tokens, 2]`` of a reader."""

    @property
    def width(self) -> int:
        """Length of a hidden state."""


@dataclass(frozen=True)
class Mask:
    """Which tokens are real: int32 ``real`` ``[batch, tokens]``.

    The bool ``is_free`` says that all are, and that there are enough of them to gain by that.
    """

    real: str
    is_free: str


@dataclass(frozen=True)
class Modules:
    """Adds modules to a graph; ``weights`` is the state dict, fp32."""

    builder: GraphBuilder
    weights: Mapping[str, Array]

    def inputs(self, *names: str) -> None:
        """Declare int64 inputs ``[batch, tokens]``."""
        for name in names:
            self.builder.input(name, ["batch", "tokens"])

    def add(self, value: str, other: str) -> str:
        """Add two values."""
        return self.builder.node("Add", [value, other])

    def embedding(self, name: str, ids: str) -> str:
        """Look up rows of a table."""
        key = f"{name}.weight"
        return self.builder.node("Gather", [self.builder.weight(key, self.weights[key]), ids])

    def linear(self, name: str, value: str) -> str:
        """Apply a linear layer, with a bias if it has one."""
        return self.builder.linear(
            name, value, self.weights[f"{name}.weight"].T, self.weights.get(f"{name}.bias")
        )

    def norm(self, name: str, value: str, epsilon: float) -> str:
        """Apply a LayerNorm, with a bias if it has one."""
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        return self.builder.layer_norm(name, value, weight, bias, epsilon)

    def activation(self, kind: str, value: str) -> str:
        """Apply an activation by its transformers name.

        Raises:
            UnsupportedTaskError: no fused node computes it.
        """
        if kind not in _ACTIVATIONS:
            raise UnsupportedTaskError(f"the activation {kind!r} has no fused form here")
        operator, domain = _ACTIVATIONS[kind]
        return self.builder.node(operator, [value], domain=domain)

    def split(self, value: str, parts: int) -> list[str]:
        """Cut the last axis into equal parts."""
        return self.builder.nodes("Split", [value], parts, axis=-1, num_outputs=parts)

    def query_key_value(
        self, name: str, value: str, kernel: Array, bias: Array | None, *, first_only: bool
    ) -> list[str]:
        """Return the three inputs of attention from a packed kernel ``[hidden, 3 * width]``.

        It is one product, ``name.qkv``. With ``first_only`` the query is of the first token, by a
        product of its own, ``name.query``, beside ``name.key_value``.
        """
        if not first_only:
            return self.split(self.builder.linear(f"{name}.qkv", value, kernel, bias), 3)
        width = kernel.shape[1] // 3
        of_query, of_rest = (None, None) if bias is None else (bias[:width], bias[width:])
        first = self.first(value)
        query = self.builder.linear(f"{name}.query", first, kernel[:, :width], of_query)
        rest = self.builder.linear(f"{name}.key_value", value, kernel[:, width:], of_rest)
        return [query, *self.split(rest, 2)]

    def attention(
        self, heads: int, query_key_value: list[str], mask: Mask, *, bias: str = ""
    ) -> str:
        """Attend to the keys that are real.

        A long text without padding or bias goes without the mask: ONNX Runtime has a faster kernel
        for that, by 4 % of the whole at 128 tokens and 8 % at 256. It rounds otherwise, so what a
        short text gives would depend on the padding of its batch, for no gain.
        """
        masked = [*query_key_value, "", mask.real]
        if bias:
            return self.builder.node(
                "MultiHeadAttention", [*masked, bias], domain=CONTRIB, num_heads=heads
            )
        name = self.builder.fresh()
        return self.builder.node(
            "If",
            [mask.is_free],
            output=name,
            then_branch=_attention(heads, query_key_value, f"{name}.all"),
            else_branch=_attention(heads, masked, f"{name}.real"),
        )

    def first(self, value: str) -> str:
        """Return the first token: ``[batch, 1, hidden]``."""
        zero, one = self.builder.constant([0]), self.builder.constant([1])
        return self.builder.node("Slice", [value, zero, one, one])

    def first_vector(self, value: str) -> str:
        """Return the first token: ``[batch, hidden]``."""
        return self.builder.node("Gather", [value, self.builder.constant(0)], axis=1)

    def mean_vector(self, value: str) -> str:
        """Return the mean of the real tokens: ``[batch, hidden]``."""
        node, axis = self.builder.node, self.builder.constant([1])
        real = node("Cast", [MASK], to=TensorProto.FLOAT)
        total = node("MatMul", [node("Unsqueeze", [real, axis]), value])
        count = node("ReduceSum", [real, axis], keepdims=1)
        return node("Div", [node("Squeeze", [total, axis]), count])

    def token_count(self) -> str:
        """Return the width of the batch as ``[1]``."""
        return self.builder.node("Shape", [IDS], start=1, end=2)

    def mask(self) -> Mask:
        """Return the attention mask as attention takes it."""
        real = self.builder.node("Cast", [MASK], to=TensorProto.INT32)
        least = self.builder.node("ReduceMin", [MASK], keepdims=0)
        is_full = self.builder.node("Cast", [least], to=TensorProto.BOOL)
        enough = self.builder.constant([MASK_FREE_TOKENS])
        is_long = self.builder.node("GreaterOrEqual", [self.token_count(), enough])
        return Mask(real, self.builder.node("And", [is_full, is_long]))


def _attention(heads: int, inputs: list[str], output: str) -> onnx.GraphProto:
    """Return a branch that is one node; its inputs are values of the graph around it."""
    node = helper.make_node(
        "MultiHeadAttention", inputs, [output], name=output, domain=CONTRIB, num_heads=heads
    )
    value = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    return helper.make_graph([node], output, [], [value])
