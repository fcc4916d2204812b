from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.chat_template import (
    ChatTemplate,
    FunctionCall,
    Message,
    MessageToolCall,
    TextPart,
)
from tests.inference.chat_templates import CHATML, GEMMA, LLAMA_3, MISTRAL, QWEN

TEMPLATES = {
    "chatml": CHATML,
    "llama-3": LLAMA_3,
    "gemma": GEMMA,
    "mistral": MISTRAL,
    "qwen": QWEN,
}
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": 'Sets the <light> & its "colour", e.g. in der Küche 💡',
            "parameters": {"type": "object", "properties": {"room": {"type": "string"}}},
        },
    }
    for name in ("set_light", "get_light")
]  # fmt: skip
SYSTEM = Message("system", "  Be brief; <b>no</b> markup & 'such'.\n")
TALK = [
    Message("user", "Hello, wie geht's?"),
    Message("assistant", "<think>\nhm\n</think>\n\nGood \n"),
    Message("user", "你好 {{ not_a_variable }}"),
]
CALLS = [
    Message("user", "Light on in the kitchen"),
    Message(
        "assistant",
        tool_calls=[
            MessageToolCall(FunctionCall("set_light", '{"room": "Küche <1>"}'), id="abcdefghi")
        ],
    ),
    Message("tool", '{"ok": true}', tool_call_id="abcdefghi", name="set_light"),
    Message("user", "Thanks"),
]
CHATS: dict[str, tuple[list[Message], list[dict[str, Any]] | None]] = {
    "talk": (TALK, None),
    "system": ([SYSTEM, *TALK], None),
    "tools": (TALK, TOOLS),
    "calls": (CALLS, TOOLS),
    "all": ([SYSTEM, *CALLS], TOOLS),
}


def _template(text: str) -> ChatTemplate:
    return ChatTemplate({"default": text}, {"bos_token": "<s>", "eos_token": "</s>"})


def _builtins(messages: list[Message]) -> list[dict[str, Any]]:
    """The messages as users of transformers write them."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(messages)
    for message in plain:
        for call in message.get("tool_calls", []):
            call["type"] = "function"
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return plain


@pytest.mark.export
@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("model", TEMPLATES)
@pytest.mark.parametrize("add_generation_prompt", [True, False])
def test_a_prompt_is_that_of_transformers(
    tmp_path: Path, model: str, chat: str, *, add_generation_prompt: bool
) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
    jinja2 = pytest.importorskip("jinja2")
    tokenizers = pytest.importorskip("tokenizers")
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a")),
        bos_token="<s>",
        eos_token="</s>",
    )
    theirs.chat_template = TEMPLATES[model]
    theirs.save_pretrained(tmp_path)
    ours = ChatTemplate.read(tmp_path)
    assert ours is not None
    messages, tools = CHATS[chat]
    options = {"add_generation_prompt": add_generation_prompt, "enable_thinking": False}
    try:
        expected = theirs.apply_chat_template(
            _builtins(messages), tools=tools, tokenize=False, **options
        )
    except (jinja2.TemplateError, TypeError):  # not every model takes every chat
        with pytest.raises((BadRequestError, BundleError)):
            ours.render(messages, tools=tools)
        return
    got = ours.render(
        messages,
        tools=tools,
        add_generation_prompt=add_generation_prompt,
        variables={"enable_thinking": False},
    )
    assert got == expected
    assert str(messages[-1].content) in got


def test_a_chat_becomes_the_prompt_of_its_model() -> None:
    assert _template(CHATML).render(TALK[:1]) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nHello, wie geht's?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_what_a_template_refuses_is_a_bad_request_in_its_words() -> None:
    gemma = _template(GEMMA)
    with pytest.raises(BadRequestError, match="roles must alternate"):
        gemma.render([*TALK, *TALK])
    with pytest.raises(BadRequestError, match="System role not supported"):
        gemma.render([SYSTEM, *TALK])


def test_today_is_the_day_of_the_clock() -> None:
    day = datetime(2031, 2, 3, tzinfo=UTC)
    template = ChatTemplate({"default": LLAMA_3}, {"bos_token": ""}, now=lambda: day)
    assert "Today Date: 03 Feb 2031\n" in template.render(TALK)


def test_parts_of_a_content_are_one_text() -> None:
    parts = [TextPart("one"), TextPart("two")]
    assert _template("{{ messages[0].content }}").render([Message("user", parts)]) == "one\ntwo"


def test_messages_have_the_fields_of_openai() -> None:
    payload = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
        ],
    }
    message = msgspec.convert(payload, Message)
    shown = "{% set c = messages[0].tool_calls[0] %}{{ c.function.arguments.a, c.id, c.type }}"
    assert _template(shown).render([message]) == "(1, 'c1', 'function')"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"role": "robot", "content": ""}, Message)


@pytest.mark.parametrize("arguments", ["{", "[1]", "\ud800"])
def test_arguments_that_are_no_object_are_a_bad_request(arguments: str) -> None:
    call = MessageToolCall(FunctionCall("f", arguments))
    with pytest.raises(BadRequestError, match="arguments"):
        _template(QWEN).render([Message("assistant", tool_calls=[call])])


def test_no_messages_are_a_bad_request() -> None:
    with pytest.raises(BadRequestError, match="no messages"):
        _template(CHATML).render([])


def _write(directory: Path, **files: Any) -> Path:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        suffix = "jinja" if isinstance(content, str) else "json"
        (directory / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return directory


USER = [Message("user", "hi")]


def test_a_file_of_its_own_wins_over_the_older_places(tmp_path: Path) -> None:
    places: dict[str, Any] = {
        "tokenizer_config": {"chat_template": "config"},
        "chat_template": {"chat_template": "json"},
    }
    for name, content in places.items():
        template = ChatTemplate.read(_write(tmp_path, **{name: content}))
        assert template is not None
        assert template.render(USER) == next(iter(content.values()))
    template = ChatTemplate.read(_write(tmp_path, chat_template="jinja"))
    assert template is not None
    assert template.render(USER) == "jinja"


def test_the_template_for_tools_is_taken_when_there_are_tools(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]
    template = ChatTemplate.read(_write(tmp_path, tokenizer_config={"chat_template": named}))
    assert template is not None
    assert template.render(USER) == template.render(USER, tools=[]) == "plain"
    assert template.render(USER, tools=TOOLS) == "tools"
    assert _template("{{ tools is none }}").render(USER, tools=[]) == "True"


def test_special_tokens_may_be_objects_and_in_either_file(tmp_path: Path) -> None:
    _write(
        tmp_path,
        chat_template="{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token }}",
        tokenizer_config={"bos_token": {"content": "<a>", "lstrip": False}, "pad_token": None},
        special_tokens_map={"bos_token": "<x>", "eos_token": "<b>", "pad_token": "<p>"},
    )
    template = ChatTemplate.read(tmp_path)
    assert template is not None
    assert template.render(USER) == "<a>|<b>|<p>|"


def test_a_model_without_a_template_has_none(tmp_path: Path) -> None:
    assert ChatTemplate.read(tmp_path) is None
    assert ChatTemplate.read(_write(tmp_path, tokenizer_config={"bos_token": "x"})) is None


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"chat_template": "{% if %}"}, "chat_template.jinja"),
        ({"tokenizer_config": {"chat_template": 7}}, "neither a text nor a list"),
        ({"tokenizer_config": {"chat_template": [{"name": "x"}]}}, "neither a text nor a list"),
        ({"tokenizer_config": {"chat_template": [
            {"name": "a", "template": ""}, {"name": "b", "template": ""}]}}, "named default"),
        ({"tokenizer_config": [1]}, "tokenizer_config.json"),
    ],
)  # fmt: skip
def test_a_broken_template_is_an_error_that_names_the_file(
    tmp_path: Path, files: dict[str, Any], says: str
) -> None:
    with pytest.raises(BundleError, match=says):
        ChatTemplate.read(_write(tmp_path, **files))


def test_a_template_that_fails_is_an_error_that_names_it(tmp_path: Path) -> None:
    template = ChatTemplate.read(_write(tmp_path, chat_template="{{ messages[3].content.x }}"))
    assert template is not None
    with pytest.raises(BundleError, match=r"chat_template\.jinja fails on these messages"):
        template.render(USER)


def test_importing_the_module_does_not_load_jinja2() -> None:
    code = "import edge_runtime.inference.chat_template, sys; print('jinja2' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "False"
