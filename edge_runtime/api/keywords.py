"""The options of generating text as keyword arguments, for type checkers."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class GenerationKeywords(TypedDict, total=False):
    """The fields of ``GenerationOptions``, as keyword arguments."""

    max_tokens: int
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float | None
    presence_penalty: float
    frequency_penalty: float
    seed: int | None
    stop: list[str]
    beams: int | None
    overflow: Literal["fail", "cut"]
    prompt_lookup: bool
    schema: dict[str, Any] | bool | None
    regex: str | None
    choice: list[str] | None
