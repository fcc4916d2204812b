"""An answer that has to be one JSON value: found, filled in, and checked against its schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_runtime.assistant.finalizing.schema import Schema, check_fit
from edge_runtime.errors import UnusableAnswerError
from edge_runtime.routing.redaction.restoring import restore

_FENCED = re.compile(r"\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)


def read_json(text: str, schema: Schema, placeholders: Mapping[str, str]) -> tuple[Any, list[str]]:
    """Return the value with its placeholders filled in, and what had to be mended.

    Only a code fence around the value is taken away.

    Raises:
        UnusableAnswerError: it is not JSON, or does not fit the schema.
    """
    fenced = _FENCED.fullmatch(text)
    try:
        value = msgspec.json.decode(text if fenced is None else fenced.group(1))
        value = _restored(value, placeholders)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise UnusableAnswerError(f"it is not JSON, as option schema wants it: {exc}") from exc
    check_fit(value, schema)
    return value, [] if fenced is None else ["code fence taken away"]


def _restored(value: Any, placeholders: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    # inside of strings only: what stands for a placeholder may hold quotes
    if isinstance(value, str):
        return restore(value, placeholders)
    if isinstance(value, list):
        return [_restored(each, placeholders) for each in value]
    if isinstance(value, dict):
        return {
            restore(name, placeholders): _restored(each, placeholders)
            for name, each in value.items()
        }
    return value
