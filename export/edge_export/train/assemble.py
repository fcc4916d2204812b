"""Trained weights to the files of a bundle: graph, external weights, tokenizer, config."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx

from edge_export.graphs.bert import OPSET, Precision, Shape, build_encoder
from edge_export.train.model import base_directory
from edge_export.train.network import Trained
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.manifest import FORMAT, Graph, Head, Manifest, Source

# 7 bits lose nothing measurable here, and U8S8 products cannot saturate on x86 without VNNI
WEIGHT_BITS = 7
_GRAPH_FILE = "model.onnx"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def write_files(
    trained: Trained, recipe: Recipe, directory: Path, precision: Precision
) -> Manifest:
    """Write the files into an empty directory; return their manifest, still without hashes."""
    directory.mkdir(parents=True, exist_ok=True)
    heads = bundle_heads(recipe, trained.labels)
    model = build_encoder(
        trained.weights, Shape.of(trained.config), heads, precision, weight_bits=WEIGHT_BITS
    )
    onnx.save_model(
        model,
        directory / _GRAPH_FILE,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{_GRAPH_FILE}.data",
    )
    base = base_directory(recipe.base)
    for name in _TOKENIZER_FILES:
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
            form="fused-bert",
            opset=OPSET,
            optimization="basic",
            token_types=recipe.token_types,
        ),
        languages=recipe.languages,
        quantization=_quantization(precision),
        max_length=recipe.max_length,
    )


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
            pooling=head.pooling if head.type == "embedding" else "none",
        )
    return heads


def _quantization(precision: Precision) -> dict[str, str]:
    if precision == "fp32":
        return {}
    return {
        "activations": "uint8, dynamic, per tensor",
        "matmul": f"int8 ({WEIGHT_BITS} bits used), per column, symmetric",
        "word_embeddings": "int8, per row, symmetric",
        "heads": "fp32",
    }
