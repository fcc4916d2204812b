"""Chat templates: messages to the prompt that a model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from edge_runtime.bundles.json_file import read_json
from edge_runtime.errors import BadRequestError, BundleError

if TYPE_CHECKING:
    from edge_runtime.inference.template_sandbox import Program

Role = Literal["system", "developer", "user", "assistant", "tool"]

_DEFAULT, _WITH_TOOLS = "default", "tool_use"
_FILE, _JSON_FILE = "chat_template.jinja", "chat_template.json"
_CONFIG, _TOKENS = "tokenizer_config.json", "special_tokens_map.json"
_SPECIAL = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


class TextPart(msgspec.Struct, frozen=True):
    """A part of a content that is a list."""

    text: str
    type: Literal["text"] = "text"


class FunctionCall(msgspec.Struct, frozen=True):
    """``arguments`` is a JSON object, or its text as OpenAI has it."""

    name: str
    arguments: str | dict[str, Any] = "{}"


class MessageToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that the assistant made."""

    function: FunctionCall
    id: str | None = None
    type: Literal["function"] = "function"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of a chat, in the fields of OpenAI's chat completions."""

    role: Role
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    tool_call_id: str | None = None


class ChatTemplate:
    """A model's chat template (Jinja), rendered as transformers renders it.

    ``templates`` has one named ``default`` and may have one named ``tool_use``; ``special_tokens``
    are variables such as ``bos_token``; ``source`` stands in messages. A template is not trusted:
    it runs in a sandbox, with limits on its loops and on the size of its values and its text.

    Raises:
        BundleError: a template has a syntax error, or none is the default.
    """

    def __init__(
        self,
        templates: Mapping[str, str],
        special_tokens: Mapping[str, str | list[str]],
        *,
        source: str = "the chat template",
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        from edge_runtime.inference import template_sandbox  # noqa: PLC0415 - jinja2 takes 50 ms

        self._refusal = template_sandbox.RaisedError
        self._source = source
        self._special_tokens = dict(special_tokens)
        if _DEFAULT not in templates:
            raise BundleError(f"{source} has no template named {_DEFAULT}")
        self._programs: dict[str, Program] = {}
        for name, text in templates.items():
            try:
                self._programs[name] = template_sandbox.Program(text, now)
            except Exception as exc:  # the compiler also fails in ways of its own
                raise BundleError(f"{source} is not a chat template: {exc}") from exc

    @classmethod
    def read(cls, directory: Path) -> ChatTemplate | None:
        """Return the chat template of a model directory, None when it has none.

        Raises:
            BundleError: a file is broken.
        """
        found, source = _find(directory)
        if not found:
            return None
        config = _object(directory / _CONFIG)
        tokens = {**_object(directory / _TOKENS), **{k: v for k, v in config.items() if v}}
        return cls(_named(found, source), _special_tokens(tokens), source=str(source))

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the prompt, special tokens written out in it.

        ``tools`` are OpenAI's ``{"type": "function", "function": {…}}``; ``variables`` are what
        one model's template knows more, such as ``enable_thinking``.

        Raises:
            BadRequestError: no messages, arguments of a tool call that are no JSON object, or the
                template refuses the messages; it has the template's words.
            BundleError: the template fails.
        """
        if not messages:
            raise BadRequestError("there are no messages; send at least one")
        program = self._programs.get(_WITH_TOOLS if tools else _DEFAULT)
        program = program or self._programs[_DEFAULT]
        given = {
            **self._special_tokens,
            **(variables or {}),
            "messages": [_plain(message) for message in messages],
            "tools": [dict(tool) for tool in tools] if tools else None,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
        }
        try:
            return program.render(given)
        except self._refusal as exc:
            raise BadRequestError(f"the model's chat template says: {exc}") from exc
        except Exception as exc:  # whatever a template can make Python raise
            reason = str(exc) or type(exc).__name__
            raise BundleError(f"{self._source} fails on these messages: {reason}") from exc


def has_template(directory: Path) -> bool:
    """Whether a model directory has a chat template; it is not compiled.

    Raises:
        BundleError: a file is broken.
    """
    return bool(_find(directory)[0])


def _find(directory: Path) -> tuple[object, Path]:
    """Return the template or the templates as they are written, and the file that has them."""
    source = directory / _FILE
    if source.is_file():
        try:
            found: object = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise BundleError(f"{source} cannot be read: {exc}") from exc
        if found:
            return found, source
    for name in (_JSON_FILE, _CONFIG):
        if found := _object(directory / name).get("chat_template"):
            return found, directory / name
    return None, source


def _plain(message: Message) -> dict[str, Any]:
    """Return the message as templates want it: content as one text, arguments as an object."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    if isinstance(message.content, list):
        fields["content"] = "\n".join(part.text for part in message.content)
    for call in fields.get("tool_calls") or []:
        call["type"] = "function"
        call["function"]["arguments"] = _arguments(call["function"].get("arguments", "{}"))
    return fields


def _arguments(given: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    try:
        return msgspec.json.decode(given, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as exc:
        raise BadRequestError(f"the arguments of a tool call are no JSON object: {exc}") from exc


def _object(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _named(found: object, source: Path) -> dict[str, str]:
    """Return templates by name from one text, or from a list of named ones."""
    if isinstance(found, str):
        return {_DEFAULT: found}
    try:
        entries = msgspec.convert(found, list[dict[str, str]])
        named = {entry["name"]: entry["template"] for entry in entries}
    except (msgspec.ValidationError, KeyError) as exc:
        raise BundleError(f"{source}: chat_template is neither a text nor a list: {exc}") from exc
    if len(named) == 1:
        return {_DEFAULT: next(iter(named.values()))}
    return named


def _special_tokens(fields: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Return the special tokens; each may be a text, or an object with the text in it."""
    tokens: dict[str, str | list[str]] = {}
    for name in _SPECIAL:
        token = _content(fields.get(f"{name}_token"))
        if token:
            tokens[f"{name}_token"] = token
    more = fields.get("additional_special_tokens")
    if isinstance(more, list) and more:
        tokens["additional_special_tokens"] = [token for each in more if (token := _content(each))]
    return tokens


def _content(token: object) -> str | None:
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None
