"""An encoder with its heads as a fused fp32 ONNX graph, straight from the weights.

One packed query-key-value product for each layer, MultiHeadAttention, one node per activation,
and Add followed by LayerNormalization, because ONNX Runtime's SkipLayerNormalization is about nine
times slower on the CPU. It is fused already: a session must not optimise it beyond ``basic``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import onnx

from edge_export.graphs.bert_family import BERT, DISTILBERT, ROBERTA, BertFamily
from edge_export.graphs.builder import Array, GraphBuilder
from edge_export.graphs.encoder_modules import Config, Family, Modules
from edge_export.graphs.modernbert import ModernBert
from edge_runtime.bundles.manifest import Head, Task
from edge_runtime.errors import UnsupportedTaskError

# by model_type: the attribute that holds the encoder in a model with a head, and its architecture
_Architecture = tuple[str, Callable[[Modules, Config, str], Family]]
_ROBERTA: _Architecture = ("roberta", partial(BertFamily, ROBERTA))
_ARCHITECTURES: dict[str, _Architecture] = {
    "bert": ("bert", partial(BertFamily, BERT)),
    "camembert": _ROBERTA,
    "distilbert": ("distilbert", partial(BertFamily, DISTILBERT)),
    "modernbert": ("model", ModernBert),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
}
FUSED_ENCODERS = frozenset(_ARCHITECTURES)


def build_encoder(
    config: Config, weights: Mapping[str, Array], head: Head, task: Task
) -> onnx.ModelProto:
    """Return the fp32 model of a transformers class.

    ``config`` is ``PretrainedConfig.to_dict()``; ``weights`` the fp32 state dict of the class that
    the task's ``AutoModelFor…`` loads. Inputs are int64 ``[batch, tokens]``: ``input_ids``,
    ``attention_mask``, and ``token_type_ids`` where the model tells types apart. The output
    ``head.output`` is fp32: logits ``[batch, labels]`` (text-classification) or
    ``[batch, tokens, labels]`` (token-classification), or hidden states
    ``[batch, tokens, hidden]`` (feature-extraction). question-answering has two,
    ``start_logits`` and ``end_logits`` ``[batch, tokens]``.

    Raises:
        UnsupportedTaskError: the architecture, the task, or something in the config has no fused
            form; the message names it.
    """
    base, make = _architecture(config)
    builder = GraphBuilder()
    modules = Modules(builder, weights)
    if task == "feature-extraction":
        family = make(modules, config, "")
        hidden = family.encode(first_only=False)
        builder.publish(hidden, head.output, ["batch", "tokens", family.width])
        return builder.model("encoder")
    family = make(modules, config, f"{base}.")
    if task == "text-classification":
        logits = family.text_logits(family.encode(first_only=family.reads_first))
        builder.publish(logits, head.output, ["batch", len(head.labels)])
    elif task == "token-classification":
        logits = family.token_logits(family.encode(first_only=False), task)
        builder.publish(logits, head.output, ["batch", "tokens", len(head.labels)])
    elif task == "question-answering":
        logits = family.token_logits(family.encode(first_only=False), task)
        for index, name in enumerate(("start_logits", "end_logits")):
            bound = builder.node("Gather", [logits, builder.constant(index)], axis=2)
            builder.publish(bound, name, ["batch", "tokens"])
    else:
        raise UnsupportedTaskError(f"task {task!r} is not one of an encoder")
    return builder.model("encoder")


def build_multi_task(
    weights: Mapping[str, Array], config: Config, heads: Mapping[str, Head]
) -> onnx.ModelProto:
    """Return the fp32 model of an encoder with heads of its own.

    ``weights`` have the names of ``MultiTaskEncoder.state_dict()``: ``encoder.…``, and a linear
    layer ``heads.NAME`` for each head but embeddings. Inputs are as for ``build_encoder``.
    Outputs by head: classification logits ``[batch, labels]`` from the first token, tagging logits
    ``[batch, tokens, labels]``, embedding unit vectors ``[batch, hidden]``; all fp32.

    Raises:
        UnsupportedTaskError: the architecture or something in the config has no fused form.
    """
    _, make = _architecture(config)
    builder = GraphBuilder()
    modules = Modules(builder, weights)
    family = make(modules, config, "encoder.")
    hidden = family.encode(first_only=all(h.type == "classification" for h in heads.values()))
    for name, head in heads.items():
        if head.type == "embedding":
            vector = builder.node("LpNormalization", [modules.mean_vector(hidden)], axis=-1, p=2)
            builder.publish(vector, head.output, ["batch", family.width])
        elif head.type == "classification":
            logits = modules.linear(f"heads.{name}", modules.first_vector(hidden))
            builder.publish(logits, head.output, ["batch", len(head.labels)])
        else:
            logits = modules.linear(f"heads.{name}", hidden)
            builder.publish(logits, head.output, ["batch", "tokens", len(head.labels)])
    return builder.model("encoder")


def _architecture(config: Config) -> _Architecture:
    kind = str(config.get("model_type"))
    if kind not in _ARCHITECTURES:
        raise UnsupportedTaskError(f"{kind} has no fused form here ({', '.join(_ARCHITECTURES)})")
    return _ARCHITECTURES[kind]
