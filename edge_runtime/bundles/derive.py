"""A manifest for a ready-made directory in the layout of optimum or transformers.js."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from edge_runtime.bundles.manifest import (
    FORMAT,
    Graph,
    Head,
    HeadType,
    Manifest,
    Pooling,
    Source,
    Task,
)
from edge_runtime.errors import BundleError, UnsupportedTaskError

# from the class name of the model: what its last part means
_TASKS: list[tuple[str, Task]] = [
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForCausalLM", "text-generation"),
    ("LMHeadModel", "text-generation"),
    ("ForConditionalGeneration", "summarization"),
    ("MTModel", "translation"),
    ("Model", "feature-extraction"),
]
# head type, head name, output name; a task that makes text has no heads
_HEADS: dict[Task, tuple[HeadType, str, str]] = {
    "text-classification": ("classification", "labels", "logits"),
    "token-classification": ("tagging", "entities", "logits"),
    "question-answering": ("span", "answer", "start_logits"),
    "feature-extraction": ("embedding", "embedding", "last_hidden_state"),
}
_GRAPH_FILES = [
    "model.onnx",
    "onnx/model.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
]
# tokens, where the model itself would read more: an encoder's windows, and a board's KV cache
LONGEST: dict[Task, int] = {
    "text-classification": 512,
    "token-classification": 512,
    "question-answering": 512,
    "feature-extraction": 512,
    "text-generation": 2048,
    "summarization": 1024,
    "translation": 512,
}


def derive_manifest(directory: Path) -> Manifest:
    """Return a manifest without hashes or calibration: it runs, and promises nothing.

    Raises:
        BundleError: no config, no graph, or the config cannot be read.
        UnsupportedTaskError: the architecture has no task that runs here.
    """
    config = read_json(directory / "config.json")
    file = next((name for name in _GRAPH_FILES if (directory / name).is_file()), None)
    if file is None:
        raise BundleError(f"{directory} has no ONNX file ({', '.join(_GRAPH_FILES)})")
    task = task_of((config.get("architectures") or [""])[0])
    if task in {"summarization", "translation"}:
        raise UnsupportedTaskError(
            f"{directory} is an encoder-decoder without bundle.json; convert its model with "
            "edge-export"
        )
    return Manifest(
        format=FORMAT,
        name=directory.resolve().name,
        version="unverified",
        task=task,
        heads=heads_of(task, config, _pooling(directory)),
        source=Source(model=str(config.get("_name_or_path") or directory.name)),
        graph=Graph(
            file=file,
            form="as found",
            opset=0,
            kv_cache="growing" if task == "text-generation" else "none",
        ),
        max_length=max_length_of(config, longest=LONGEST[task]),
    )


def task_of(architecture: str) -> Task:
    """Return the task of a transformers class.

    Raises:
        UnsupportedTaskError: none that runs here.
    """
    for suffix, task in _TASKS:
        if architecture.endswith(suffix):
            return task
    raise UnsupportedTaskError(f"no task is known for the architecture {architecture!r}")


def heads_of(task: Task, config: dict[str, Any], pooling: Pooling = "mean") -> dict[str, Head]:
    """Return the heads of a model for a task, by name, from its HF config."""
    if task not in _HEADS:
        return {}
    kind, name, output = _HEADS[task]
    if kind == "embedding":
        return {name: Head(type=kind, output=output, pooling=pooling)}
    if kind == "span":
        return {name: Head(type=kind, output=output)}
    by_id = {int(key): str(label) for key, label in (config.get("id2label") or {}).items()}
    labels = [by_id[index] for index in sorted(by_id)]
    multi = config.get("problem_type") == "multi_label_classification"
    return {name: Head(type=kind, output=output, labels=labels, multi_label=multi)}


def max_length_of(config: dict[str, Any], *, longest: int) -> int:
    """Return the number of tokens that the model can read at once, at most ``longest``."""
    known = (config.get(key) for key in ("max_position_embeddings", "n_positions"))
    positions = int(next((value for value in known if value), longest))
    # RoBERTa's table begins after the padding index
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert"}:
        positions -= int(config.get("pad_token_id") or 0) + 1
    return min(positions, longest)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BundleError: missing, or not a JSON object.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as exc:
        raise BundleError(f"{path}: {exc.strerror}") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BundleError(f"{path}: {exc}") from exc


def _pooling(directory: Path) -> Pooling:
    declared = directory / "1_Pooling" / "config.json"
    if declared.is_file() and read_json(declared).get("pooling_mode_cls_token"):
        return "cls"
    return "mean"
