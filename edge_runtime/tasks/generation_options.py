"""What a request may ask of a model that makes text."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from edge_runtime.errors import BadRequestError
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.inference.sampling import Sampling

DEFAULT_NEW_TOKENS = 128


class GenerationOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True,
                        omit_defaults=True):  # fmt: skip
    """How to generate; what is None is as the model's files say, and without sampling.

    ``stop`` are texts that end the output and are not part of it. ``overflow`` says what happens to
    a prompt that does not fit: ``fail``, or ``cut``, which drops its oldest tokens. At most one of
    ``schema`` (JSON schema), ``regex`` and ``choice`` constrains the output. ``prompt_lookup``
    makes greedy decoding faster where the output repeats its input, without changing it.
    """

    max_tokens: int = DEFAULT_NEW_TOKENS
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: list[str] = []
    beams: int | None = None
    overflow: Literal["fail", "cut"] = "fail"
    prompt_lookup: bool = True
    schema: dict[str, Any] | bool | None = None
    regex: str | None = None
    choice: list[str] | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError("max_tokens must be 1 or more")
        if self.beams is not None and self.beams < 1:
            raise ValueError("beams must be 1 or more")
        if any(not text for text in self.stop):
            raise ValueError("a stop text must not be empty")
        if sum(value is not None for value in (self.schema, self.regex, self.choice)) > 1:
            raise ValueError("give one of schema, regex and choice, not several")

    @classmethod
    def read(cls, options: dict[str, Any]) -> GenerationOptions:
        """Read the options of a request.

        Raises:
            BadRequestError: one is unknown, has the wrong type or is out of range.
        """
        try:
            return msgspec.convert(options, cls)
        except msgspec.ValidationError as exc:
            raise BadRequestError(f"options: {exc}") from exc

    def sampling(self, config: GenerationConfig, *, recommended: bool = False) -> Sampling:
        """Return how tokens are chosen: greedily unless asked, or as the model's makers recommend.

        Raises:
            BadRequestError: a value is out of range.
        """
        given = {
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "repetition_penalty": self.repetition_penalty,
        }
        asked = {name: value for name, value in given.items() if value is not None}
        known: dict[str, Any] = {"repetition_penalty": config.repetition_penalty}
        if recommended and config.do_sample:
            for name in ("temperature", "top_k", "top_p", "min_p"):
                known[name] = getattr(config, name)
        try:
            return Sampling(
                **{**known, **asked},
                presence_penalty=self.presence_penalty,
                frequency_penalty=self.frequency_penalty,
                seed=self.seed,
            )
        except ValueError as exc:
            raise BadRequestError(f"options: {exc}") from exc
