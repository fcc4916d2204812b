"""Trained weights to the files of a bundle: graph, external weights, tokenizer, config."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec

from edge_export.graphs.builder import OPSET
from edge_export.graphs.encoder import build_multi_task
from edge_export.graphs.external import save_graphs
from edge_export.quantize.model import Quantizer
from edge_export.train.model import base_directory
from edge_export.train.network import Trained
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.manifest import FORMAT, Graph, Head, Manifest, Source
from edge_runtime.bundles.store import Bundle

# 7 bits lose nothing measurable here, and U8S8 products cannot saturate on x86 without VNNI
WEIGHT_BITS = 7
_GRAPH_FILE = "model.onnx"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def write_fp32(trained: Trained, recipe: Recipe, directory: Path) -> Manifest:
    """Write the files into an empty directory; return their manifest, still without hashes."""
    directory.mkdir(parents=True, exist_ok=True)
    heads = bundle_heads(recipe, trained.labels)
    model = build_multi_task(trained.weights, trained.config, heads)
    save_graphs({_GRAPH_FILE: model}, directory, origin=directory)
    base = base_directory(recipe.base)
    for name in _TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, directory / name)
    config = json.loads((base / "config.json").read_text())
    config = {key: trained.config.get(key, value) for key, value in config.items()}
    config = {**config, "architectures": ["BertModel"], "_name_or_path": recipe.base_model}
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return Manifest(
        format=FORMAT,
        name=recipe.name,
        version=recipe.version,
        task="text-classification",
        heads=heads,
        source=Source(model=recipe.base_model, licence=recipe.licence),
        graph=Graph(
            file=_GRAPH_FILE,
            form="fused",
            opset=OPSET,
            optimization="basic",
            token_types=recipe.token_types,
        ),
        languages=recipe.languages,
        max_length=recipe.max_length,
    )


def write_int8(fp32: Path, manifest: Manifest, directory: Path) -> Manifest:
    """Write the int8 form of what ``write_fp32`` wrote; return its manifest."""
    quantizer = Quantizer(Bundle(fp32, manifest, verified=False), [], WEIGHT_BITS)
    quantizer.write(quantizer.choose("int8-dynamic"), "int8-dynamic", directory)
    described = {
        "activations": "uint8, dynamic, per tensor",
        "linear layers": f"int8 ({WEIGHT_BITS} bits used), per channel, symmetric",
        "tables": "int8, per row, symmetric",
        "heads": "fp32",
    }
    return msgspec.structs.replace(manifest, quantization=described)


def bundle_heads(recipe: Recipe, labels: dict[str, list[str]]) -> dict[str, Head]:
    """Return the heads as the manifest describes them; a tagging head gets its BIO labels."""
    heads = {}
    for name, head in recipe.heads.items():
        names = labels[name]
        if head.type == "tagging":
            names = ["O", *(f"{prefix}-{label}" for label in names for prefix in "BI")]
        heads[name] = Head(
            type=head.type,
            output=name,
            labels=names,
            out_of_scope=head.out_of_scope,
            needs_large_model=head.needs_large_model,
            same=head.same,
            strict_tags=head.type == "tagging",
            pooling=head.pooling if head.type == "embedding" else "none",
        )
    return heads
