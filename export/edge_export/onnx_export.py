"""The only import of optimum: a Hugging Face model to the fp32 graphs that optimum makes of it."""

from __future__ import annotations

from pathlib import Path

from edge_export.graphs.builder import OPSET
from edge_export.source import SourceModel, quiet
from edge_runtime.errors import ConfigError, UnsupportedTaskError

# what optimum calls the tasks of a decoder, with its KV cache
_TASKS = {
    "text-generation": "text-generation-with-past",
    "summarization": "text2text-generation-with-past",
    "translation": "text2text-generation-with-past",
}


def check_exportable(source: SourceModel) -> None:
    """Refuse, without any work, an architecture that optimum does not know for the task.

    Raises:
        UnsupportedTaskError: it does not.
    """
    with quiet():
        from optimum.exporters.onnx import model_configs  # noqa: F401 - registers them
        from optimum.exporters.tasks import TasksManager

        family = str(source.config.model_type)
        try:
            known = TasksManager.get_supported_tasks_for_model_type(
                family, "onnx", library_name="transformers"
            )
        except KeyError as exc:
            raise UnsupportedTaskError(
                f"{source.reference} is a {family}, which optimum does not export to ONNX"
            ) from exc
    task = _optimum_task(source)
    if task not in known:
        raise UnsupportedTaskError(
            f"optimum does not export {family} for {task}; it knows {', '.join(sorted(known))}"
        )


def export_onnx(source: SourceModel, directory: Path) -> None:
    """Write all graphs, the config and the tokenizer into a new directory.

    Raises:
        ConfigError: optimum cannot export the architecture, or there is no fast tokenizer.
    """
    with quiet():
        from huggingface_hub.constants import HF_HUB_CACHE
        from optimum.exporters.onnx import main_export

        try:
            main_export(
                source.reference,
                output=directory,
                task=_optimum_task(source),
                opset=OPSET,
                dtype="fp32",
                revision=source.revision or "main",
                library_name="transformers",
                cache_dir=HF_HUB_CACHE,  # optimum's own default does not read HF_HUB_CACHE
                do_validation=False,
                no_post_process=True,
            )
        except Exception as exc:  # safetensors, torch and optimum have no common class
            raise ConfigError(f"optimum cannot export {source.reference}: {_reason(exc)}") from exc
    save_tokenizer(source, directory)


def save_tokenizer(source: SourceModel, directory: Path) -> None:
    """Write ``tokenizer.json`` and what belongs to it.

    Raises:
        ConfigError: there is no fast tokenizer, and none can be made.
    """
    with quiet():
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
        tokenizer.save_pretrained(directory)


def _optimum_task(source: SourceModel) -> str:
    return _TASKS.get(source.task, source.task)


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n", 1)[0]


def _reason(exc: Exception) -> str:
    """Return what happened in one line; torch puts the facts after a heading."""
    lines = [line.strip() for line in str(exc).strip().splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(exc).__name__
