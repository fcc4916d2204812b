"""BERT and its descendants with the same layers: DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edge_export.graphs.encoder_modules import IDS, MASK, TYPES, Config, Mask, Modules
from edge_runtime.bundles.manifest import Task
from edge_runtime.errors import UnsupportedTaskError


@dataclass(frozen=True)
class BertNames:
    """What a family calls its modules and the keys of its config.

    ``classifier`` lists the linear layers of the text classifier, each with the activation that
    follows it. Positions count from zero, or, ``positions_skip_padding``, from the padding index.
    """

    classifier: tuple[tuple[str, str], ...]
    positions_skip_padding: bool = False
    layers: str = "encoder.layer"
    query_key_value: tuple[str, ...] = (
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    )
    attention_output: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    inner: str = "intermediate.dense"
    outer: str = "output.dense"
    outer_norm: str = "output.LayerNorm"
    layers_key: str = "num_hidden_layers"
    heads_key: str = "num_attention_heads"
    activation_key: str = "hidden_act"


BERT = BertNames((("bert.pooler.dense", "tanh"), ("classifier", "")))
ROBERTA = BertNames(
    (("classifier.dense", "tanh"), ("classifier.out_proj", "")), positions_skip_padding=True
)
DISTILBERT = BertNames(
    (("pre_classifier", "relu"), ("classifier", "")),
    layers="transformer.layer",
    query_key_value=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    attention_output="attention.out_lin",
    attention_norm="sa_layer_norm",
    inner="ffn.lin1",
    outer="ffn.lin2",
    outer_norm="output_layer_norm",
    layers_key="n_layers",
    heads_key="n_heads",
    activation_key="activation",
)
_DISTILBERT_EPSILON = 1e-12  # fixed in its code


class BertFamily:
    """An encoder with absolute positions and a norm after each half of a layer; see Family."""

    reads_first = True

    def __init__(self, names: BertNames, modules: Modules, config: Config, prefix: str) -> None:
        kind = config.get("position_embedding_type", "absolute")
        if kind != "absolute":
            raise UnsupportedTaskError(f"position_embedding_type {kind!r} is not absolute")
        if config.get("is_decoder"):
            raise UnsupportedTaskError("the model is a decoder (is_decoder)")
        if config.get("pruned_heads"):
            raise UnsupportedTaskError("some attention heads are pruned (pruned_heads)")
        self._names = names
        self._modules = modules
        self._prefix = prefix
        self._layers = int(config[names.layers_key])
        self._heads = int(config[names.heads_key])
        self._activation = str(config[names.activation_key])
        self._epsilon = float(config.get("layer_norm_eps", _DISTILBERT_EPSILON))
        self._padding = int(config["pad_token_id"]) if names.positions_skip_padding else 0

    @property
    def width(self) -> int:
        """Length of a hidden state."""
        words = self._modules.weights[f"{self._prefix}embeddings.word_embeddings.weight"]
        return int(words.shape[1])

    def encode(self, *, first_only: bool) -> str:
        """Return the last hidden states."""
        hidden = self._embed()
        mask = self._modules.mask()
        for index in range(self._layers):
            last = index == self._layers - 1
            hidden = self._layer(index, hidden, mask, first_only=first_only and last)
        return hidden

    def text_logits(self, hidden: str) -> str:
        """Return the logits of the classifier on the first token."""
        value = self._modules.first_vector(hidden)
        for name, activation in self._names.classifier:
            value = self._modules.linear(name, value)
            value = self._modules.activation(activation, value) if activation else value
        return value

    def token_logits(self, hidden: str, task: Task) -> str:
        """Return the logits of one linear layer on every token."""
        name = "qa_outputs" if task == "question-answering" else "classifier"
        return self._modules.linear(name, hidden)

    def _embed(self) -> str:
        modules, prefix = self._modules, f"{self._prefix}embeddings"
        modules.inputs(IDS, MASK)
        total = modules.embedding(f"{prefix}.word_embeddings", IDS)
        types = modules.weights.get(f"{prefix}.token_type_embeddings.weight")
        if types is not None and len(types) > 1:
            modules.inputs(TYPES)
            total = modules.add(total, modules.embedding(f"{prefix}.token_type_embeddings", TYPES))
        elif types is not None:
            row = modules.builder.weight(f"{prefix}.token_type_embeddings.weight.0", types[0])
            total = modules.add(total, row)
        total = modules.add(total, self._positions(f"{prefix}.position_embeddings"))
        return modules.norm(f"{prefix}.LayerNorm", total, self._epsilon)

    def _positions(self, name: str) -> str:
        builder = self._modules.builder
        if not self._names.positions_skip_padding:
            table = builder.weight(f"{name}.weight", self._modules.weights[f"{name}.weight"])
            zero = builder.constant([0])
            return builder.node("Slice", [table, zero, self._modules.token_count(), zero])
        padding = builder.constant(self._padding)
        real = builder.node("Not", [builder.node("Equal", [IDS, padding])])
        real = builder.node("Cast", [real], to=TensorProto.INT64)
        count = builder.node("CumSum", [real, builder.constant(1)])
        positions = self._modules.add(builder.node("Mul", [count, real]), padding)
        return self._modules.embedding(name, positions)

    def _layer(self, index: int, hidden: str, mask: Mask, *, first_only: bool) -> str:
        modules, names = self._modules, self._names
        path = f"{self._prefix}{names.layers}.{index}"
        packed = self._query_key_value(path, hidden, first_only=first_only)
        hidden = modules.first(hidden) if first_only else hidden
        mixed = modules.attention(self._heads, packed, mask)
        mixed = modules.linear(f"{path}.{names.attention_output}", mixed)
        mixed = modules.add(mixed, hidden)
        hidden = modules.norm(f"{path}.{names.attention_norm}", mixed, self._epsilon)
        inner = modules.linear(f"{path}.{names.inner}", hidden)
        outer = modules.linear(f"{path}.{names.outer}", modules.activation(self._activation, inner))
        outer = modules.add(outer, hidden)
        return modules.norm(f"{path}.{names.outer_norm}", outer, self._epsilon)

    def _query_key_value(self, path: str, hidden: str, *, first_only: bool) -> list[str]:
        weights = self._modules.weights
        parts = [f"{path}.{part}" for part in self._names.query_key_value]
        kernel = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        return self._modules.query_key_value(
            f"{path}.attention", hidden, kernel, bias, first_only=first_only
        )
