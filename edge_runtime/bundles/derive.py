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

# from the class name of the model: (suffix, task, head type, head name, output name)
_BY_ARCHITECTURE: list[tuple[str, Task, HeadType, str, str]] = [
    ("ForSequenceClassification", "text-classification", "classification", "labels", "logits"),
    ("ForTokenClassification", "token-classification", "tagging", "entities", "logits"),
    ("Model", "feature-extraction", "embedding", "embedding", "last_hidden_state"),
]
_GRAPH_FILES = [
    "model.onnx",
    "onnx/model.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
]
_LONGEST = 512


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
    architecture = (config.get("architectures") or [""])[0]
    task, name, head = head_of(architecture, config, _pooling(directory))
    return Manifest(
        format=FORMAT,
        name=directory.resolve().name,
        version="unverified",
        task=task,
        heads={name: head},
        source=Source(model=str(config.get("_name_or_path") or directory.name)),
        graph=Graph(file=file, form="as found", opset=0),
        max_length=max_length_of(config),
    )


def head_of(
    architecture: str, config: dict[str, Any], pooling: Pooling = "mean"
) -> tuple[Task, str, Head]:
    """Return task, head name and head for a transformers class name and its config.

    Raises:
        UnsupportedTaskError: no task for this class.
    """
    for suffix, task, kind, name, output in _BY_ARCHITECTURE:
        if not architecture.endswith(suffix):
            continue
        if kind == "embedding":
            return task, name, Head(type=kind, output=output, pooling=pooling)
        by_id = {int(key): str(label) for key, label in (config.get("id2label") or {}).items()}
        labels = [by_id[index] for index in sorted(by_id)]
        multi = config.get("problem_type") == "multi_label_classification"
        return task, name, Head(type=kind, output=output, labels=labels, multi_label=multi)
    raise UnsupportedTaskError(f"no task is known for the architecture {architecture!r}")


def max_length_of(config: dict[str, Any]) -> int:
    """Return the number of tokens that the model can read at once, at most 512."""
    positions = int(config.get("max_position_embeddings") or _LONGEST)
    # RoBERTa's table begins after the padding index
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert"}:
        positions -= int(config.get("pad_token_id") or 0) + 1
    return min(positions, _LONGEST)


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
