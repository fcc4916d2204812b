"""Rows that are made: commands for a home, texts with invented PII, and open questions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from edge_export.train.recipe import Made
from edge_export.train.rows import Row
from edge_runtime.errors import ConfigError


@lru_cache(maxsize=4)  # several heads learn from the same rows
def made_rows(made: Made, origins: tuple[Path, ...]) -> list[Row]:
    """Return the rows that ``made`` describes; ``origins`` is what they are made from.

    Raises:
        ConfigError: the package that makes them is not installed, or the origin is missing.
    """
    try:
        found = list(_make(made, origins))
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"rows of kind {made.kind!r} are made with the package {exc.name}: pip install "
            "'edge-runtime[export]'"
        ) from exc
    return [Row(f"{made.kind}, row {i}", fields) for i, fields in enumerate(found, start=1)]


def _make(made: Made, origins: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    if made.kind in {"pii", "open"}:
        from edge_export.train.pii import sample_open, sample_pii

        return (sample_pii if made.kind == "pii" else sample_open)(made.rows, made.seed)
    from edge_export.train.home import sample_home

    if len(origins) != 1 or not origins[0].is_dir():
        raise ConfigError(
            "rows of kind 'home' are made from one directory of Home Assistant's sentences; "
            f"train names {', '.join(map(str, origins)) or 'none'}"
        )
    return sample_home(origins[0], made.rows, made.seed)
