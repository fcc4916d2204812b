"""The fp32 form of a model: one fused graph from its weights, or what optimum exports."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from edge_export.graphs.builder import OPSET
from edge_export.graphs.decoder import build_decoder
from edge_export.graphs.decoder_shape import Rope, decoder_shape
from edge_export.graphs.decoder_weights import decoder_weights
from edge_export.graphs.encoder import build_encoder
from edge_export.graphs.equalize import equalize
from edge_export.graphs.external import copy_companions, load_graph, save_graphs
from edge_export.graphs.index import GraphIndex
from edge_export.graphs.rotate import rotate
from edge_export.graphs.seq2seq import DECODER_FILE, ENCODER_FILE, join_cross_attention
from edge_export.graphs.tie import tie_head
from edge_export.onnx_export import export_onnx, save_tokenizer
from edge_export.original import state_of
from edge_export.plan import Plan
from edge_export.source import SourceModel
from edge_runtime.bundles.manifest import Graph
from edge_runtime.errors import UnsupportedTaskError

GRAPH_FILE = "model.onnx"


def export_fp32(
    source: SourceModel,
    model: Any,  # noqa: ANN401 - transformers publishes no types
    plan: Plan,
    directory: Path,
) -> Graph:
    """Write the graphs, the config and the tokenizer; return what the manifest says of them.

    Raises:
        ConfigError: optimum cannot export the architecture, or there is no fast tokenizer.
        UnsupportedTaskError: the graph asked for cannot be made of this model.
    """
    if plan.form == "fused":
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix="saved-") as work:
            save_tokenizer(source, Path(work))
            model.config.save_pretrained(work)
            if getattr(model, "generation_config", None) is not None:
                model.generation_config.save_pretrained(work)
            copy_companions(Path(work), directory)
        made, form = _fused(source, model, plan)
        save_graphs({GRAPH_FILE: made}, directory, origin=directory)
        return Graph(
            file=GRAPH_FILE,
            form=form,
            opset=OPSET,
            optimization="basic",
            kv_cache="shared" if source.task == "text-generation" else "none",
        )
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="optimum-") as work:
        raw = Path(work) / "raw"
        export_onnx(source, raw)
        graphs = join_cross_attention(raw) if source.is_encoder_decoder else _single(source, raw)
        for made in graphs.values():
            tie_head(GraphIndex(made, raw))
        save_graphs(graphs, directory, origin=raw)
        copy_companions(raw, directory)
    if source.is_encoder_decoder:
        return Graph(
            file=DECODER_FILE, encoder=ENCODER_FILE, form="optimum", opset=OPSET, kv_cache="growing"
        )
    return Graph(
        file=GRAPH_FILE,
        form="optimum",
        opset=OPSET,
        kv_cache="growing" if source.task == "text-generation" else "none",
    )


def _fused(source: SourceModel, model: Any, plan: Plan) -> tuple[onnx.ModelProto, str]:  # noqa: ANN401
    config: Mapping[str, Any] = source.config.to_dict()
    weights = state_of(model)
    if source.task != "text-generation":
        (head,) = source.heads.values()
        return build_encoder(config, weights, head, source.task), "fused"
    shape = decoder_shape(config, _ropes(model))
    named = decoder_weights(weights, shape, str(config["model_type"]))
    if plan.quantization == "fp32":  # nothing to gain
        return build_decoder(shape, named, plan.max_length), "fused"
    turned = rotate(named, shape)
    form = "fused" if turned is named else "fused-rotated"
    return build_decoder(shape, equalize(turned, shape), plan.max_length), form


def _ropes(model: Any) -> dict[str, Rope]:  # noqa: ANN401
    """Return the rotary embeddings that the model itself computed from its config."""
    inner = model.get_decoder()
    found = {}
    for name, attribute in (("global", "rotary_emb"), ("local", "rotary_emb_local")):
        if (rotary := getattr(inner, attribute, None)) is not None:
            frequencies = rotary.inv_freq.double().numpy()
            found[name] = Rope(frequencies, float(rotary.attention_scaling))
    return found


def _single(source: SourceModel, raw: Path) -> dict[str, onnx.ModelProto]:
    path = raw / GRAPH_FILE
    if not path.is_file():
        made = ", ".join(sorted(p.name for p in raw.glob("*.onnx"))) or "nothing"
        raise UnsupportedTaskError(
            f"{source.reference} does not become one graph (optimum makes {made}), so it does not "
            f"run here as {source.task}"
        )
    graph = load_graph(path)
    inputs = {node.name for node in graph.graph.input}
    known = {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
    if source.task != "text-generation":
        known.remove("position_ids")
    more = {name for name in inputs - known if not name.startswith("past_key_values.")}
    if "input_ids" not in inputs or more:
        raise UnsupportedTaskError(
            f"{source.reference} needs more than a text: its graph has the inputs "
            f"{', '.join(sorted(more or inputs))}"
        )
    return {GRAPH_FILE: graph}
