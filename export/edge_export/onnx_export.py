"""The only import of optimum: a Hugging Face model to an fp32 ONNX directory."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_export.source import SourceModel, quiet
from edge_runtime.errors import ConfigError

OPSET = 18
_KEPT = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


def export_onnx(source: SourceModel, directory: Path) -> None:
    """Write ``model.onnx``, the config and the tokenizer into a directory.

    Raises:
        ConfigError: optimum cannot export the architecture, or there is no fast tokenizer.
    """
    raw = directory.with_name(f"{directory.name}-raw")
    with quiet():
        from optimum.exporters.onnx import main_export
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                source.reference, revision=source.revision, use_fast=True
            )
        except (OSError, ValueError, TypeError, ImportError) as exc:
            raise ConfigError(f"{source.reference} has no usable tokenizer: {exc}") from exc
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
                do_validation=False,
            )
        except (ValueError, KeyError, NotImplementedError, RuntimeError) as exc:
            first = str(exc).strip().split("\n", 1)[0]
            raise ConfigError(f"optimum cannot export {source.reference}: {first}") from exc
        tokenizer.save_pretrained(raw)
    directory.mkdir(parents=True)
    for name in (*_KEPT, *(path.name for path in raw.glob("model.onnx*"))):
        if (raw / name).is_file():
            shutil.copyfile(raw / name, directory / name)
    shutil.rmtree(raw)
