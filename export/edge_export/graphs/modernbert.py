"""ModernBERT: rotary positions, gated feed-forward, windows of attention in most layers.

After ``transformers/models/modernbert/modeling_modernbert.py`` (Warner et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edge_export.graphs.builder import CONTRIB
from edge_export.graphs.encoder_modules import IDS, MASK, Config, Mask, Modules
from edge_runtime.bundles.manifest import Task
from edge_runtime.errors import UnsupportedTaskError

_OUTSIDE = -10000.0  # added to the score of a key out of the window, as for padding


@dataclass(frozen=True)
class _View:
    """What a layer sees: real tokens, its rotation by position, scores added for its window."""

    mask: Mask
    cosines: str
    sines: str
    bias: str


class ModernBert:
    """An encoder with a norm before each half of a layer; see Family.

    Every ``global_attn_every_n_layers``-th layer sees all tokens, the others those at most
    ``local_attention // 2`` away; the two kinds turn by different rotary bases.
    """

    def __init__(self, modules: Modules, config: Config, prefix: str) -> None:
        scaling = config.get("rope_scaling") or {}
        if scaling.get("rope_type", scaling.get("type", "default")) != "default":
            raise UnsupportedTaskError(f"rope_scaling {scaling!r} is not the default")
        self.reads_first: bool = config["classifier_pooling"] == "cls"
        self._modules = modules
        self._config = config
        self._prefix = prefix
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["norm_eps"])

    @property
    def width(self) -> int:
        """Length of a hidden state."""
        return int(self._config["hidden_size"])

    def encode(self, *, first_only: bool) -> str:
        """Return the last hidden states."""
        modules, prefix = self._modules, self._prefix
        modules.inputs(IDS, MASK)
        hidden = modules.embedding(f"{prefix}embeddings.tok_embeddings", IDS)
        hidden = modules.norm(f"{prefix}embeddings.norm", hidden, self._epsilon)
        everywhere, window = self._views()
        for index in range(self._layers):
            view = window if index % int(self._config["global_attn_every_n_layers"]) else everywhere
            last = index == self._layers - 1
            hidden = self._layer(index, hidden, view, first_only=first_only and last)
        return modules.norm(f"{prefix}final_norm", hidden, self._epsilon)

    def text_logits(self, hidden: str) -> str:
        """Return the logits of the classifier on the first token or on the mean of all."""
        pool = self._modules.first_vector if self.reads_first else self._modules.mean_vector
        return self._logits(pool(hidden))

    def token_logits(self, hidden: str, task: Task) -> str:  # noqa: ARG002 - one head for both
        """Return the logits of the classifier on every token."""
        return self._logits(hidden)

    def _logits(self, value: str) -> str:
        value = self._modules.linear("head.dense", value)
        value = self._modules.activation(str(self._config["classifier_activation"]), value)
        value = self._modules.norm("head.norm", value, self._epsilon)
        return self._modules.linear("classifier", value)

    def _views(self) -> tuple[_View, _View]:
        node, constant = self._modules.builder.node, self._modules.builder.constant
        count = node("Squeeze", [self._modules.token_count()])
        row = node("Range", [constant(0), count, constant(1)])
        column = node("Unsqueeze", [row, constant([1])])
        distance = node("Abs", [node("Sub", [column, row])])
        reach = constant(int(self._config["local_attention"]) // 2)
        values = [constant(0.0, np.float32), constant(_OUTSIDE, np.float32)]
        bias = node("Where", [node("LessOrEqual", [distance, reach]), *values])
        bias = node("Unsqueeze", [bias, constant([0, 1])])
        position = node("Cast", [column], to=TensorProto.FLOAT)
        base = float(self._config["global_rope_theta"])
        local_base = float(self._config.get("local_rope_theta") or base)
        mask = self._modules.mask()
        return (
            _View(mask, *self._rotation(position, base), ""),
            _View(mask, *self._rotation(position, local_base), bias),
        )

    def _rotation(self, position: str, base: float) -> tuple[str, str]:
        node = self._modules.builder.node
        size = self.width // self._heads
        exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
        frequencies = self._modules.builder.constant(1.0 / base**exponents, np.float32)
        angles = node("Mul", [position, frequencies])
        return node("Cos", [angles]), node("Sin", [angles])

    def _layer(self, index: int, hidden: str, view: _View, *, first_only: bool) -> str:
        modules, path = self._modules, f"{self._prefix}layers.{index}"
        seen = modules.norm(f"{path}.attn_norm", hidden, self._epsilon) if index else hidden
        mixed = self._attend(f"{path}.attn", seen, view, first_only=first_only)
        hidden = modules.add(modules.first(hidden) if first_only else hidden, mixed)
        inner = modules.norm(f"{path}.mlp_norm", hidden, self._epsilon)
        inner, gate = modules.split(modules.linear(f"{path}.mlp.Wi", inner), 2)
        inner = modules.activation(str(self._config["hidden_activation"]), inner)
        inner = modules.builder.node("Mul", [inner, gate])
        return modules.add(hidden, modules.linear(f"{path}.mlp.Wo", inner))

    def _attend(self, path: str, value: str, view: _View, *, first_only: bool) -> str:
        modules, bias = self._modules, view.bias
        weights = modules.weights
        query, key, values = modules.query_key_value(
            path,
            value,
            weights[f"{path}.Wqkv.weight"].T,
            weights.get(f"{path}.Wqkv.bias"),
            first_only=first_only,
        )
        key = self._turn(key, view)
        if not first_only:
            query = self._turn(query, view)
        elif bias:
            zero, one, axis = (modules.builder.constant([number]) for number in (0, 1, 2))
            bias = modules.builder.node("Slice", [bias, zero, one, axis])
        mixed = modules.attention(self._heads, [query, key, values], view.mask, bias=bias)
        return modules.linear(f"{path}.Wo", mixed)

    def _turn(self, value: str, view: _View) -> str:
        """Rotate each head by position; the first token stays as it is."""
        start = self._modules.builder.constant([0])
        inputs = [value, start, view.cosines, view.sines]
        return self._modules.builder.node("RotaryEmbedding", inputs, domain=CONTRIB)
