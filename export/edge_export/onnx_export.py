"""The only import of optimum: a Hugging Face model to an fp32 ONNX directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx

from edge_export.source import SourceModel, quiet
from edge_runtime.errors import ConfigError, UnsupportedTaskError

OPSET = 18
_KEPT = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


def export_onnx(source: SourceModel, directory: Path) -> None:
    """Write ``model.onnx``, the config and the tokenizer into a directory.

    Raises:
        ConfigError: the weights cannot be read, optimum cannot export the architecture, or there
            is no fast tokenizer.
        UnsupportedTaskError: the graph is not that of an encoder.
    """
    raw = directory.with_name(f"{directory.name}-raw")
    with quiet():
        from huggingface_hub.constants import HF_HUB_CACHE
        from optimum.exporters.onnx import main_export
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                source.reference, revision=source.revision, use_fast=True
            )
        except Exception as exc:  # tokenizers raises bare Exception
            raise ConfigError(
                f"{source.reference} has no usable tokenizer: {_first_line(exc)}"
            ) from exc
        if not tokenizer.is_fast:
            raise ConfigError(
                f"{source.reference} has no tokenizer.json, and none can be made from its "
                f"{type(tokenizer).__name__}"
            )
        try:
            main_export(
                source.reference,
                output=raw,
                task=source.task,
                opset=OPSET,
                revision=source.revision or "main",
                library_name="transformers",
                cache_dir=HF_HUB_CACHE,  # optimum's own default does not read HF_HUB_CACHE
                do_validation=False,
            )
        except Exception as exc:  # safetensors, torch and optimum have no common class
            raise ConfigError(f"optimum cannot export {source.reference}: {_reason(exc)}") from exc
        tokenizer.save_pretrained(raw)
    _check_inputs(source, raw / "model.onnx")
    directory.mkdir(parents=True)
    for name in (*_KEPT, *(path.name for path in raw.glob("model.onnx*"))):
        if (raw / name).is_file():
            shutil.copyfile(raw / name, directory / name)
    shutil.rmtree(raw)


def _check_inputs(source: SourceModel, path: Path) -> None:
    wanted = set()
    if path.is_file():
        graph = onnx.load(path, load_external_data=False).graph
        wanted = {node.name for node in graph.input}
    if "input_ids" not in wanted or wanted - _INPUTS:
        more = ", ".join(sorted(wanted - _INPUTS)) or "other parts"
        raise UnsupportedTaskError(
            f"{source.reference} is no encoder: besides the text its graph needs {more}"
        )


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n", 1)[0]


def _reason(exc: Exception) -> str:
    """Return what happened in one line; torch puts the facts after a heading."""
    lines = [line.strip() for line in str(exc).strip().splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(exc).__name__
