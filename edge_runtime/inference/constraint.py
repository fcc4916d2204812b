"""Constrained decoding: only tokens that a grammar allows; the only import of llguidance."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edge_runtime.bundles.json_file import read_json
from edge_runtime.errors import BadRequestError, BundleError, ConfigError
from edge_runtime.inference.sampling import Floats

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from llguidance._lib import JsonCompileOptions

# One form of white space, that of Python's json: between free spaces a small model can go on for
# ever, and what is fixed need not be computed. A schema may say otherwise in "x-guidance".
_JSON_FORM: JsonCompileOptions = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
_MESSAGE_LENGTH = 300


class Grammar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True,
              omit_defaults=True):  # fmt: skip
    """What the output has to be: exactly one of these.

    ``schema`` is a JSON schema, or True for any JSON value; ``regex`` has to match the whole output
    (the syntax of Rust's crate regex, without look-around); ``choice`` are the possible outputs;
    ``lark`` is a grammar in llguidance's variant of Lark.
    """

    schema: dict[str, Any] | bool | None = None
    regex: str | None = None
    choice: list[str] | None = None
    lark: str | None = None

    def __post_init__(self) -> None:
        given = [self.schema, self.regex, self.choice, self.lark]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of schema, regex, choice and lark")
        if self.schema is False or self.choice == []:
            raise ValueError("the grammar allows no output at all")


def grammar_of(
    schema: dict[str, Any] | bool | None = None,  # noqa: FBT001 - True and False are JSON schemas
    regex: str | None = None,
    choice: list[str] | None = None,
) -> Grammar | None:
    """Return the grammar that a request asks for, None when it asks for none.

    Raises:
        BadRequestError: it asks for several, or for one that allows no output.
    """
    if schema is None and regex is None and choice is None:
        return None
    try:
        return Grammar(schema=schema, regex=regex, choice=choice)
    except ValueError as exc:
        raise BadRequestError(str(exc)) from exc


class Constraint:
    """A grammar and how much of it has been written.

    ``is_finished`` is True when nothing but an end token may come.
    """

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self.is_finished: bool = matcher.is_stopped()

    def apply(self, logits: Floats) -> None:
        """Set to -inf in place what is not allowed next; ``logits`` has shape ``[vocabulary]``.

        Raises:
            BadRequestError: the grammar has become too complex.
        """
        mask = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        allowed = np.unpackbits(mask, count=self._vocabulary, bitorder="little")
        known = logits[: self._vocabulary]
        np.putmask(known, allowed[: known.size] == 0, -np.inf)
        logits[self._vocabulary :] = -np.inf

    def accept(self, token: int) -> None:
        """Go on with a token.

        Raises:
            BadRequestError: the grammar does not allow it here.
        """
        self._matcher.consume_token(token)
        self._check()
        self.is_finished = self._matcher.is_stopped()

    def forced(self) -> list[int]:
        """Return the tokens that have to come next; they still have to be accepted."""
        return list(self._matcher.compute_ff_tokens())

    def _check(self) -> None:
        if self._matcher.is_error():
            raise BadRequestError(
                f"the output cannot follow the grammar: {_message(self._matcher.get_error())}"
            )


def make_constraint(
    tokenizer_json: Path | str, vocabulary: int, eos: Sequence[int], grammar: Grammar
) -> Constraint:
    """Return a constraint at its beginning.

    ``tokenizer_json`` is the path or the content of ``tokenizer.json``; ``vocabulary`` is its size
    or that of the logits, the larger one; ``eos`` are the end tokens.

    Raises:
        BadRequestError: the grammar is broken, or not supported.
        BundleError: this tokenizer cannot be constrained.
        ConfigError: the extra ``schema`` is not installed.
    """
    try:
        import llguidance  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "constrained output needs llguidance: pip install 'edge-runtime[schema]'"
        ) from exc
    if not eos:
        raise BundleError("the model's files name no end token; add eos_token_id to its config")
    if isinstance(tokenizer_json, Path):
        stat = tokenizer_json.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        tokenizer = _read(tokenizer_json, version, vocabulary, tuple(eos))
    else:
        tokenizer = _of_text(tokenizer_json, vocabulary, tuple(eos))
    try:
        text = _llguidance_text(grammar)
    except ValueError as exc:
        raise BadRequestError(f"the grammar cannot be used: {_message(str(exc))}") from exc
    limits = llguidance.LLParserLimits(verbose_errors=False)
    matcher = llguidance.LLMatcher(tokenizer, text, log_level=0, limits=limits)
    if matcher.is_error():
        raise BadRequestError(f"the grammar cannot be used: {_message(matcher.get_error())}")
    return Constraint(matcher, tokenizer.vocab_size)


def _llguidance_text(grammar: Grammar) -> str:
    from llguidance import LLMatcher  # noqa: PLC0415

    if grammar.regex is not None:
        return LLMatcher.grammar_from_regex(grammar.regex)
    if grammar.choice is not None:
        words = (json.dumps(word) for word in grammar.choice)
        return LLMatcher.grammar_from_lark("start: " + " | ".join(words))
    if grammar.lark is not None:
        return LLMatcher.grammar_from_lark(grammar.lark)
    schema = grammar.schema if isinstance(grammar.schema, dict) else {}
    return LLMatcher.grammar_from_json_schema(schema, defaults=_JSON_FORM)


@functools.lru_cache(maxsize=4)
def _read(
    path: Path, _version: tuple[int, int], vocabulary: int, eos: tuple[int, ...]
) -> LLTokenizer:
    fields = {**read_json(path), "truncation": None, "padding": None}
    return _compile(json.dumps(fields), vocabulary, eos)


def _compile(text: str, vocabulary: int, eos: tuple[int, ...]) -> LLTokenizer:
    from llguidance import LLTokenizer  # noqa: PLC0415

    try:
        return LLTokenizer(text, n_vocab=vocabulary, eos_token=list(eos))
    except Exception as exc:  # whatever comes out of Rust
        raise BundleError(f"the tokenizer cannot be constrained: {_message(str(exc))}") from exc


_of_text = functools.lru_cache(maxsize=4)(_compile)


def _message(text: str) -> str:
    return " ".join(text.split())[:_MESSAGE_LENGTH]
