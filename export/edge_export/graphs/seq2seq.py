"""An encoder-decoder in two graphs without a weight twice.

optimum exports three: the encoder, the decoder's first step, which computes the keys and values of
the cross attention, and the decoder's later steps. Here those keys and values become outputs of the
encoder, and the later steps serve for the first one too, with an empty past.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx.utils import Extractor

from edge_export.graphs.external import load_graph

ENCODER_FILE = "encoder_model.onnx"
DECODER_FILE = "decoder_model.onnx"
_LATER_STEPS = "decoder_with_past_model.onnx"
_PREFIX = "cross."


def join_cross_attention(exported: Path) -> dict[str, onnx.ModelProto]:
    """Return encoder and decoder, by file name, of a directory that optimum wrote.

    Encoder: ``input_ids``, ``attention_mask`` in, ``present.N.encoder.key`` and ``.value``
    ``[batch, heads, encoder tokens, head_dim]`` out. Decoder: those as ``past_key_values.N.…``
    with the decoder's own, ``input_ids`` and ``encoder_attention_mask`` in; ``logits`` and
    ``present.N.decoder.…`` out.
    """
    encoder = load_graph(exported / ENCODER_FILE)
    first = load_graph(exported / DECODER_FILE)
    cross = [output.name for output in first.graph.output if ".encoder." in output.name]
    # the decoder's own input is asked for its batch size, which is that of the encoder's
    bound = {
        "encoder_hidden_states": encoder.graph.output[0].name,
        "encoder_attention_mask": "attention_mask",
        "input_ids": "input_ids",
    }
    part = Extractor(first).extract_model(list(bound), cross)
    _append(encoder.graph, part.graph, bound)
    encoder.graph.ClearField("output")
    encoder.graph.output.extend(value for value in first.graph.output if ".encoder." in value.name)
    return {ENCODER_FILE: encoder, DECODER_FILE: load_graph(exported / _LATER_STEPS)}


def _append(graph: onnx.GraphProto, part: onnx.GraphProto, names: dict[str, str]) -> None:
    """Put a graph behind another; all that is only inside gets names of its own."""
    names |= {output.name: output.name for output in part.output} | {"": ""}
    for tensor in part.initializer:
        names[tensor.name] = tensor.name = f"{_PREFIX}{tensor.name}"
        graph.initializer.append(tensor)
    for node in part.node:
        for output in node.output:
            names.setdefault(output, f"{_PREFIX}{output}")
    for node in part.node:
        made = graph.node.add()
        made.CopyFrom(node)
        made.name = f"{_PREFIX}{node.name}"
        made.ClearField("input")
        made.ClearField("output")
        made.input.extend(names[name] for name in node.input)
        made.output.extend(names[name] for name in node.output)
