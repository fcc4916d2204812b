"""A training that was interrupted goes on: one file with everything that the next step needs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from edge_export.train.model import base_directory
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import ConfigError

Tensors = dict[str, torch.Tensor]
Saved = tuple["Progress", Tensors]

_FILE = "training.safetensors"
_BASE_FILES = ("config.json", "model.safetensors", "tokenizer.json")


class Progress(msgspec.Struct):
    """Where a training stands; ``epoch_state`` and ``position`` are those of its plan.

    ``best`` is the best score of a validation so far, ``stale`` the number of validations since.
    """

    step: int = 0
    position: int = 0
    epoch_state: tuple[int, list[int], float | None] = (0, [], None)
    running_loss: float = 0.0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0
    finished: bool = False


class Checkpoint:
    """The file in ``directory`` of a run on this recipe and data; ``load`` refuses any other's.

    Raises:
        ConfigError: a data file or the base model is missing.
    """

    def __init__(self, directory: Path, recipe: Recipe, data: Path) -> None:
        self.directory = directory
        self._path = directory / _FILE
        self._made_of = _fingerprint(recipe, data)

    def load(self) -> Saved | None:
        """Return what was saved last, or None.

        Raises:
            ConfigError: it is of another recipe, data or base model, or cannot be read.
        """
        if not self._path.exists():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            made_of: dict[str, str] = json.loads(metadata["made_of"])
            progress = msgspec.json.decode(metadata["progress"], type=Progress)
        except (SafetensorError, OSError, KeyError, ValueError) as exc:
            raise ConfigError(
                f"the checkpoint {self._path} is damaged ({exc}); --restart trains anew"
            ) from exc
        changed = [name for name, digest in self._made_of.items() if made_of.get(name) != digest]
        if changed:
            raise ConfigError(
                f"the checkpoint {self._path} is of another run: {' and '.join(changed)} changed "
                "since; --restart drops it and trains anew"
            )
        return progress, tensors

    def save(self, progress: Progress, tensors: Tensors) -> None:
        """Replace the file whole: a kill at any moment leaves the old one or the new one.

        Raises:
            ConfigError: it cannot be written.
        """
        metadata = {
            "made_of": json.dumps(self._made_of),
            "progress": msgspec.json.encode(progress).decode(),
        }
        content = save({name: value.contiguous() for name, value in tensors.items()}, metadata)
        partial = self._path.with_suffix(".partial")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise ConfigError(
                f"the checkpoint {self._path} cannot be written: {exc.strerror}; --checkpoint "
                "chooses another directory"
            ) from exc

    def remove(self) -> None:
        """Delete the file, and its directory when nothing else is in it."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".partial").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.directory.rmdir()


def _fingerprint(recipe: Recipe, data: Path) -> dict[str, str]:
    """Return a digest for each thing that the weights depend on, besides the versions."""
    names = sorted({name for source in recipe.sources for name in source.train + source.dev})
    for name in names:
        if not (data / name).exists():
            raise ConfigError(f"no file {data / name}; is --data right?")
    base = base_directory(recipe.base)
    return {
        "recipe": msgspec.json.encode(recipe).decode(),
        "data": json.dumps({name: _digest(data / name) for name in names}),
        "base model": json.dumps({name: sha256(base / name) for name in _BASE_FILES}),
    }


def _digest(path: Path) -> str:
    """Return the hash of a file, or of all files below a directory."""
    if not path.is_dir():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    found = {file.relative_to(path).as_posix(): sha256(file) for file in files}
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()
