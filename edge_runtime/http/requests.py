"""Requests as OpenAI's clients send them: read, checked, and turned into our options.

Unknown fields are ignored; a known one with a value that nothing here can do is an error.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeVar

import msgspec

from edge_runtime.errors import BadRequestError
from edge_runtime.http.errors import ParameterError
from edge_runtime.http.offer import DEFAULT
from edge_runtime.inference.chat_template import Message
from edge_runtime.tasks.chat import DEFAULT_ANSWER_TOKENS
from edge_runtime.tasks.generation_options import GenerationOptions

_COMPLETION_TOKENS = 16  # OpenAI's own default
_SAMPLING = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
    "frequency_penalty", "seed",
)  # fmt: skip
_PLACE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


class StreamOptions(msgspec.Struct, frozen=True):
    """``include_usage`` ends a stream with what it took."""

    include_usage: bool | None = None


class WritingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What chats and completions have in common; ``top_k`` and what follows it is beyond OpenAI.

    What is left out is as the model's makers recommend for a chat, else without sampling.
    """

    model: str = DEFAULT
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | int | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None

    @property
    def counts_usage(self) -> bool:
        """Whether a stream ends with what it took."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


class Function(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function that the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct, frozen=True):
    """The only kind of tool there is."""

    type: Literal["function"]
    function: Function


class FunctionName(msgspec.Struct, frozen=True):
    """Names a function."""

    name: str


class NamedTool(msgspec.Struct, frozen=True):
    """A ``tool_choice`` that names one function."""

    type: Literal["function"]
    function: FunctionName


class JsonSchema(msgspec.Struct, frozen=True):
    """Of a ``response_format``; ``name`` and ``strict`` make no difference here."""

    schema: dict[str, Any]


class ResponseFormat(msgspec.Struct, frozen=True):
    """What the answer has to be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(WritingRequest, frozen=True, kw_only=True):
    """The body of ``/v1/chat/completions``."""

    messages: list[Message]
    max_completion_tokens: int | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    top_logprobs: int | None = None
    modalities: list[str] | None = None
    functions: list[Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class CompletionRequest(WritingRequest, frozen=True, kw_only=True):
    """The body of ``/v1/completions``."""

    prompt: str | list[Any]
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``/v1/embeddings``."""

    input: str | list[Any]
    model: str = DEFAULT
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


_Body = TypeVar("_Body", ChatRequest, CompletionRequest, EmbeddingRequest)


def read(body: bytes, kind: type[_Body]) -> _Body:
    """Read a body.

    Raises:
        BadRequestError: it is not JSON.
        ParameterError: a field is missing, has the wrong type, or asks for what cannot be done.
    """
    try:
        request = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as exc:
        found = _PLACE.match(str(exc))
        message, place = found.groups() if found is not None else (str(exc), None)
        hint = "; models here read text only" if place and ".content" in place else ""
        raise ParameterError(f"{place or 'the body'}: {message}{hint}", place or "") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequestError(f"the body is not valid JSON: {exc}") from exc
    if not isinstance(request, EmbeddingRequest):
        _check_supported(request)
    return request


def options_of(request: WritingRequest, **constraint: Any) -> GenerationOptions:  # noqa: ANN401 - JSON
    """Return how to generate; ``constraint`` is what the output has to be.

    Raises:
        BadRequestError: a value is out of range.
    """
    most = request.max_tokens
    if isinstance(request, ChatRequest):
        most = most if request.max_completion_tokens is None else request.max_completion_tokens
        most = DEFAULT_ANSWER_TOKENS if most is None else most
    given = {name: getattr(request, name) for name in _SAMPLING}
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    return GenerationOptions.read(
        {
            **{name: value for name, value in given.items() if value is not None},
            "max_tokens": _COMPLETION_TOKENS if most is None else most,
            "stop": stop or [],
            **constraint,
        }
    )


def texts_of(value: str | list[Any], param: str) -> list[str]:
    """Return the texts of a ``prompt`` or an ``input``.

    Raises:
        ParameterError: there is none, or it is tokens.
    """
    texts = [value] if isinstance(value, str) else value
    if not texts:
        raise ParameterError(f"{param} is an empty list; send at least one text", param)
    if all(isinstance(text, (int, list)) for text in texts):
        raise ParameterError(f"{param} in tokens is not supported; send the text", param)
    if not all(isinstance(text, str) for text in texts):
        raise ParameterError(f"{param} must be a text or a list of texts", param)
    return texts


def _check_supported(request: WritingRequest) -> None:
    refused: dict[str, bool] = {
        "n": request.n not in {None, 1},
        "logit_bias": bool(request.logit_bias),
        # a completion's 0 asks for the chosen token's
        "logprobs": request.logprobs is not None and request.logprobs is not False,
    }
    if isinstance(request, ChatRequest):
        refused["top_logprobs"] = bool(request.top_logprobs)
        refused["modalities"] = request.modalities not in (None, ["text"])
        refused["functions"] = bool(request.functions)
    if isinstance(request, CompletionRequest):
        refused["echo"] = bool(request.echo)
        refused["suffix"] = bool(request.suffix)
        refused["best_of"] = request.best_of not in {None, 1}
    hints = {"n": "; ask again for another answer", "functions": "; use tools"}
    for name, is_refused in refused.items():
        if is_refused:
            value = msgspec.json.encode(getattr(request, name)).decode()[:40]
            raise ParameterError(
                f"{name} = {value} is not supported{hints.get(name, '')}", name, "unsupported_value"
            )
