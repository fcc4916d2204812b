"""The recipes that are compared: all heads on one encoder, or each kind of head on its own."""

from __future__ import annotations

import hashlib

import msgspec

from edge_export.train.parts import BySource, Parts
from edge_export.train.recipe import Head, Recipe

ALL, SENTENCE, TAGGING = "all heads", "sentence heads", "tagging heads"
VARIANTS = (ALL, SENTENCE, TAGGING)


def shortened(recipe: Recipe, epochs: float, rates: float = 1.0) -> Recipe:
    """Return the recipe with so many epochs, trained to their end, at ``rates`` times its rates."""
    settings = recipe.training
    training = msgspec.structs.replace(
        settings,
        epochs=epochs,
        patience=0,
        learning_rate=settings.learning_rate * rates,
        head_learning_rate=settings.head_learning_rate * rates,
    )
    return msgspec.structs.replace(recipe, training=training)


def divided(recipe: Recipe, parts: Parts, variant: str) -> tuple[Recipe, Parts]:
    """Return the recipe and the data of a variant.

    Its heads see as many of their rows as in the whole recipe, under the same rates. The same
    share of its texts keeps to the base model's embeddings, none where there is no such head.
    """
    heads = {name: head for name, head in recipe.heads.items() if _is_in(head, variant)}
    sources = [source for source in recipe.sources if source.head in heads]
    names = {source.name for source in sources}
    train, held_out = (_only(rows, names) for rows in (parts.train, parts.held_out))
    share = _size(train) / _size(parts.train)
    embeds = any(head.type == "embedding" for head in heads.values())
    anchors = round(recipe.training.anchor_texts * share) if embeds else 0
    training = msgspec.structs.replace(recipe.training, anchor_texts=anchors)
    own = msgspec.structs.replace(recipe, heads=heads, sources=sources, training=training)
    return own, Parts(train, {}, held_out)


def folder_name(recipe: Recipe, variant: str, start: str = "") -> str:
    """Return a name that another recipe does not have, nor another ``start`` of it."""
    digest = hashlib.sha256(msgspec.json.encode(recipe) + start.encode()).hexdigest()
    return f"{variant.replace(' ', '-')}-{digest[:12]}"


def _is_in(head: Head, variant: str) -> bool:
    return variant == ALL or (head.type == "tagging") == (variant == TAGGING)


def _only(rows: BySource, names: set[str]) -> BySource:
    return {name: examples for name, examples in rows.items() if name in names}


def _size(rows: BySource) -> int:
    return sum(len(examples) for examples in rows.values())
