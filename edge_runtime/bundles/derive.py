"""A manifest for a ready-made directory in the layout of optimum or transformers.js."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_runtime.bundles.architecture import (
    LONGEST,
    TASKS_THAT_WRITE,
    architecture_of,
    heads_of,
    max_length_of,
    task_of,
    translates,
    writes,
)
from edge_runtime.bundles.files import CONFIG_FILE, data_files
from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.layout import FOLDERS, Graphs, choose_graphs
from edge_runtime.bundles.manifest import FORMAT, Graph, Head, Manifest, Source, Task
from edge_runtime.bundles.onnx_file import OnnxFile, read_onnx
from edge_runtime.bundles.pooling import LENGTH_FILE, declared_pooling
from edge_runtime.errors import BundleError, EdgeError, UnsupportedTaskError

# a vector for the whole text, and vectors for its tokens
_SENTENCE, _TOKENS = "sentence_embedding", ("last_hidden_state", "token_embeddings")
_PAST = "past_key_values."
_TEXT = {"input_ids", "attention_mask"}
# what a session can give to a graph that reads, and to one that writes
_READ = _TEXT | {"token_type_ids"}
_WRITTEN = _TEXT | {"position_ids", "use_cache_branch", "num_logits_to_keep"}
_WRITTEN |= {"encoder_hidden_states", "encoder_attention_mask"}


def derive_manifest(directory: Path, variant: str | None = None) -> Manifest:
    """Return a manifest without hashes or calibration: it runs, and promises nothing.

    ``variant`` is the precision of the graph to run (``q8``); None takes the best for a CPU board.

    Raises:
        BundleError: no config, no graph, or a file is missing or cannot be read.
        UnsupportedTaskError: the model has no task that runs here.
    """
    config = read_json(directory / CONFIG_FILE)
    names = _files(directory)
    graphs = choose_graphs(names, writes=writes(config), variant=variant, where=str(directory))
    found = {name: read_onnx(directory / name) for name in graphs.files}
    data_files(found, names)
    main = found[graphs.file]
    task = _task(directory, config, graphs, found)
    try:
        heads = _heads(directory, task, config, main)
        max_length = _max_length(directory, config, task)
    except EdgeError:
        raise
    except (AttributeError, TypeError, ValueError) as exc:
        raise BundleError(f"{directory}: a config has a value of the wrong type: {exc}") from exc
    return Manifest(
        format=FORMAT,
        name=directory.resolve().name,
        version="unverified",
        task=task,
        heads=heads,
        source=Source(model=str(config.get("_name_or_path") or directory.resolve().name)),
        # "all": measured as fast or faster for every kind of ready-made graph, fused ones too
        graph=Graph(
            file=graphs.file,
            form="as found",
            opset=main.opset,
            encoder=graphs.encoder,
            first=graphs.first,
            kv_cache=_kv_cache(main),
        ),
        quantization={"graph": graphs.variant},
        max_length=max_length,
    )


def _files(directory: Path) -> list[str]:
    folders = (directory / folder for folder in FOLDERS)
    return [
        path.relative_to(directory).as_posix()
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]


def _task(
    directory: Path, config: dict[str, Any], graphs: Graphs, found: Mapping[str, OnnxFile]
) -> Task:
    """Return the task by what the graphs take and give; the class of the model tells the rest."""
    main = found[graphs.file]
    past = any(name.startswith(_PAST) for name in main.inputs)
    if graphs.encoder is not None:
        _check_inputs(directory, found[graphs.encoder], _TEXT)
    _check_inputs(directory, main, _WRITTEN if past else _READ)
    if past and graphs.encoder is not None:
        return "translation" if translates(config) else "summarization"
    if past and "logits" in main.outputs:
        return "text-generation"
    if {"start_logits", "end_logits"} <= set(main.outputs):
        return "question-answering"
    if _embedding(main) is not None:
        return "feature-extraction"
    task = task_of(architecture_of(config))
    if task in TASKS_THAT_WRITE:
        raise UnsupportedTaskError(
            f"{directory}: {graphs.file} has no KV cache; export the model again with a task that "
            "ends in -with-past, or with edge-export"
        )
    if "logits" not in main.outputs:
        raise UnsupportedTaskError(
            f"{directory}: {graphs.file} gives {', '.join(main.outputs)}, of which nothing here "
            f"makes a {task}"
        )
    return task


def _check_inputs(directory: Path, graph: OnnxFile, given: set[str]) -> None:
    more = [name for name in graph.inputs if name not in given and not name.startswith(_PAST)]
    if more or "input_ids" not in graph.inputs:
        raise UnsupportedTaskError(
            f"{directory} takes more than a text: {graph.path.name} has the inputs "
            f"{', '.join(more or graph.inputs)}"
        )


def _heads(directory: Path, task: Task, config: dict[str, Any], graph: OnnxFile) -> dict[str, Head]:
    heads = heads_of(task, config)
    for name, head in heads.items():
        if head.type == "embedding":
            output = _embedding(graph) or head.output
            pooling = "none" if output == _SENTENCE else declared_pooling(directory)
            heads[name] = msgspec.structs.replace(head, output=output, pooling=pooling)
        elif head.type == "classification" and (
            config.get("problem_type") == "regression"
            or (len(head.labels) == 1 and not head.multi_label)
        ):
            raise UnsupportedTaskError(
                f"{directory} gives a score (regression), not classes; such models do not run here"
            )
    return heads


def _embedding(graph: OnnxFile) -> str | None:
    return next((name for name in (_SENTENCE, *_TOKENS) if name in graph.outputs), None)


def _kv_cache(graph: OnnxFile) -> Literal["none", "shared", "growing"]:
    if not any(name.startswith(_PAST) for name in graph.inputs):
        return "none"
    return "shared" if "GroupQueryAttention" in graph.operators else "growing"


def _max_length(directory: Path, config: dict[str, Any], task: Task) -> int:
    lengths = [max_length_of(config, longest=LONGEST[task])]
    for name, key in (
        (LENGTH_FILE, "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        if (directory / name).is_file():
            length = read_json(directory / name).get(key)
            lengths += [int(length)] if isinstance(length, int | float) and length > 0 else []
    return min(lengths)
