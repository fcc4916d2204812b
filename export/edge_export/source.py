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
from edge_runtime.bundles.derive import head_of
from edge_runtime.bundles.manifest import Head, Task
from edge_runtime.errors import ConfigError, UnsupportedTaskError

CONVERTIBLE: tuple[Task, ...] = (
    "text-classification",
    "token-classification",
    "feature-extraction",
)


@dataclass(frozen=True)
class SourceModel:
    """A Hugging Face model: ``reference`` is a directory or a hub id.

    ``revision`` of a hub id is the commit, so that every later step reads the same files.
    """

    reference: str
    revision: str | None
    licence: str | None
    config: Any
    task: Task
    head_name: str
    head: Head

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
    reference: str, task: str, *, revision: str | None = None, head_name: str | None = None
) -> SourceModel:
    """Read the config and check that the model fits the task.

    Raises:
        ConfigError: no such model, only pickled weights, or no tokenizer.
        UnsupportedTaskError: the task is not known, or the model has no head for it.
    """
    fitting: dict[str, Task] = {known: known for known in CONVERTIBLE}
    if task not in fitting:
        raise UnsupportedTaskError(f"task {task!r} is not one of {', '.join(CONVERTIBLE)}")
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
                f"no model config at {reference!r}: give a directory written by save_pretrained, "
                f"or a hub id ({_first_line(exc)})"
            ) from exc
    commit = revision if Path(reference).is_dir() else config._commit_hash or revision  # noqa: SLF001
    name, head = _head(reference, config.to_dict(), fitting[task], commit)
    check_weights(reference, commit)
    return SourceModel(
        reference=reference,
        revision=commit,
        licence=declared_licence(reference, commit),
        config=config,
        task=fitting[task],
        head_name=head_name or name,
        head=head,
    )


def _head(
    reference: str, config: dict[str, Any], task: Task, revision: str | None
) -> tuple[str, Head]:
    if task == "feature-extraction":
        # any encoder has hidden states, whatever head was trained on it
        _, name, head = head_of("Model", config, declared_pooling(reference, revision))
        return name, head
    architecture = (config.get("architectures") or ["unnamed"])[0]
    found, name, head = head_of(architecture, config)
    if found != task:
        raise UnsupportedTaskError(
            f"{reference} is a {architecture}, which does {found}; its {task} head would have "
            "random weights"
        )
    if head.type == "classification" and (
        config.get("problem_type") == "regression"
        or (len(head.labels) == 1 and not head.multi_label)
    ):
        raise UnsupportedTaskError(
            f"{reference} gives a score (regression), not classes; such models do not run here"
        )
    return name, head


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
