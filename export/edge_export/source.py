"""The model to convert: what it is, and whether it can be converted, before any work starts."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.model_files import (
    check_directory,
    check_weights,
    declared_licence,
    declared_pooling,
)
from edge_runtime.bundles.architecture import heads_of, task_of
from edge_runtime.bundles.manifest import Head, Task
from edge_runtime.errors import ConfigError, UnsupportedTaskError

# task -> the class of transformers that loads a model for it
LOADERS: dict[Task, str] = {
    "text-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
    "feature-extraction": "AutoModel",
    "text-generation": "AutoModelForCausalLM",
    "summarization": "AutoModelForSeq2SeqLM",
    "translation": "AutoModelForSeq2SeqLM",
}
_ENCODER_DECODERS = {"summarization", "translation"}  # one architecture does both


@dataclass(frozen=True)
class SourceModel:
    """A Hugging Face model: ``reference`` is a directory or a hub id.

    ``revision`` of a hub id is the commit, so that every later step reads the same files. ``heads``
    has one head, or none where the task makes text. ``pickled`` allows weights that are no
    safetensors.
    """

    reference: str
    revision: str | None
    licence: str | None
    config: Any
    task: Task
    heads: dict[str, Head]
    pickled: bool = False

    @property
    def loader(self) -> str:
        """Name of the transformers class that loads the model for its task."""
        return LOADERS[self.task]

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether it is an encoder with a decoder that makes text."""
        return self.task in _ENCODER_DECODERS

    @property
    def name(self) -> str:
        """Last part of the reference, as a name for the bundle."""
        return (
            Path(self.reference).resolve().name if self.is_local else self.reference.split("/")[-1]
        )

    @property
    def is_local(self) -> bool:
        """Whether the reference is a directory."""
        return Path(self.reference).is_dir()


def inspect_source(
    reference: str,
    task: str | None = None,
    *,
    revision: str | None = None,
    head_name: str | None = None,
    allow_pickle: bool = False,
) -> SourceModel:
    """Read the config and check that the model fits the task, by default the one of its class.

    Raises:
        ConfigError: no such model, only pickled weights, or no tokenizer.
        UnsupportedTaskError: the task is not known, the model has no head for it, or nothing here
            can convert its architecture.
    """
    known = next((name for name in LOADERS if name == task), None)
    if task is not None and known is None:
        raise UnsupportedTaskError(f"task {task!r} is not one of {', '.join(LOADERS)}")
    if Path(reference).is_dir():
        check_directory(Path(reference))
    elif reference.startswith((".", "/", "~")) or reference.count("/") > 1:
        raise ConfigError(f"{reference} is not a directory")
    with quiet():
        from transformers import AutoConfig

        try:
            config = AutoConfig.from_pretrained(reference, revision=revision)
        except (OSError, ValueError, KeyError) as exc:
            raise ConfigError(
                f"no model config at {reference!r} that transformers knows: give a directory "
                f"written by save_pretrained, or a hub id ({_first_line(exc)})"
            ) from exc
    commit = revision if Path(reference).is_dir() else config._commit_hash or revision  # noqa: SLF001
    fitting = _fitting_task(reference, config, known)
    heads = _heads(reference, config.to_dict(), fitting, commit)
    check_weights(reference, commit, allow_pickle=allow_pickle)
    if head_name is not None:
        heads = dict.fromkeys([head_name], *heads.values()) if heads else {}
    return SourceModel(
        reference=reference,
        revision=commit,
        licence=declared_licence(reference, commit),
        config=config,
        task=fitting,
        heads=heads,
        pickled=allow_pickle,
    )


def _fitting_task(reference: str, config: Any, asked: Task | None) -> Task:  # noqa: ANN401
    if getattr(config, "quantization_config", None):
        raise UnsupportedTaskError(
            f"{reference} is quantized already; give the model that it was made from"
        )
    architecture = (config.architectures or ["unnamed"])[0]
    found = asked
    if asked != "feature-extraction":  # any encoder has hidden states, whatever head is on it
        found = task_of(architecture)
        if found in _ENCODER_DECODERS and asked in _ENCODER_DECODERS:
            found = asked
        if asked not in {None, found}:
            raise UnsupportedTaskError(
                f"{reference} is a {architecture}, which does {found}; its {asked} head would have "
                "random weights"
            )
    if found is None:
        raise AssertionError("a task was asked for or found")
    if (found in _ENCODER_DECODERS) != bool(config.is_encoder_decoder) and found in {
        *_ENCODER_DECODERS, "text-generation", "feature-extraction",
    }:  # fmt: skip
        kind = "an encoder-decoder" if config.is_encoder_decoder else "no encoder-decoder"
        raise UnsupportedTaskError(f"{reference} is {kind}, which does not do {found} here")
    if hasattr(config, "vision_config") or hasattr(config, "audio_config"):
        raise UnsupportedTaskError(
            f"{reference} ({architecture}) reads more than text; save its language model alone"
        )
    return found


def _heads(
    reference: str, config: dict[str, Any], task: Task, revision: str | None
) -> dict[str, Head]:
    if task == "feature-extraction":
        return heads_of(task, config, declared_pooling(reference, revision))
    heads = heads_of(task, config)
    for head in heads.values():
        if head.type == "classification" and (
            config.get("problem_type") == "regression"
            or (len(head.labels) == 1 and not head.multi_label)
        ):
            raise UnsupportedTaskError(
                f"{reference} gives a score (regression), not classes; such models do not run here"
            )
    return heads


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the chatter of the conversion libraries off the terminal; their errors still come."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n", 1)[0]
