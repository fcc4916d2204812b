from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_runtime.bundles.store import Store
from edge_runtime.errors import BadRequestError, UnsupportedTaskError
from edge_runtime.inference.chat_template import Message
from edge_runtime.tasks.chat import Chat
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation, whole

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def generator(tiny_decoder: Path) -> TextGenerator:
    return TextGenerator(Store(None).open(str(tiny_decoder)))


@pytest.fixture
def chat(generator: TextGenerator) -> Chat:
    generator.forget()
    return Chat(generator)


def _user(text: str) -> Message:
    return Message(role="user", content=text)


def _said(chat: Chat, messages: list[Message], **options: object) -> Generation:
    return whole(chat.stream(messages, GenerationOptions.read({"max_tokens": 16, **options})))


def test_the_prompt_is_what_the_template_writes(chat: Chat, generator: TextGenerator) -> None:
    made = _said(chat, [Message(role="system", content="be brief"), _user("hello")])
    prompt = "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n"
    ids = generator.tokenizer.ids(f"{prompt}<|im_start|>assistant\n", special=False)
    assert made.prompt_tokens == len(ids)
    assert made.text == generator.tokenizer.text(list(generator.continuation(ids, most=16)))


def test_the_next_turn_reads_only_what_is_new(chat: Chat) -> None:
    messages = [_user("hello")]
    answer = _said(chat, messages)
    messages += [Message(role="assistant", content=answer.text), _user("and you?")]
    assert _said(chat, messages).cached_tokens >= answer.prompt_tokens


def test_a_conversation_that_is_too_long_loses_its_oldest_turns_and_keeps_the_system(
    chat: Chat,
) -> None:
    system = Message(role="system", content="be brief")
    turns = [
        message
        for n in range(8)
        for message in (_user(f"question {n}"), Message(role="assistant", content="answer"))
    ]
    full = _said(chat, [system, *turns, _user("last")])
    # as many turns as leave room for the answer
    lengths = {
        count: _said(chat, [system, *turns[len(turns) - 2 * count :], _user("last")])
        for count in range(8)
    }
    assert full.prompt_tokens == max(
        made.prompt_tokens for made in lengths.values() if made.prompt_tokens <= 256 - 16
    )
    assert full.text in {made.text for made in lengths.values()}


def test_a_last_message_that_is_too_long_is_an_error(chat: Chat) -> None:
    with pytest.raises(BadRequestError, match=r"the last message has \d+ tokens"):
        _said(chat, [_user("x" * 300)])


def test_a_bundle_without_a_template_does_not_chat(tiny_decoder: Path, tmp_path: Path) -> None:
    plain = shutil.copytree(tiny_decoder, tmp_path / "plain")
    (plain / "bundle.json").unlink()
    (plain / "chat_template.jinja").unlink()
    with pytest.raises(UnsupportedTaskError, match="no chat template"):
        Chat(TextGenerator(Store(None).open(str(plain))))


def test_sampling_is_as_the_model_recommends(tiny_decoder: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(tiny_decoder, tmp_path / "sampled")
    (directory / "bundle.json").unlink()
    recommended = {"do_sample": True, "temperature": 1.5, "top_k": 20, "eos_token_id": 2}
    (directory / "generation_config.json").write_text(json.dumps(recommended))
    generator = TextGenerator(Store(None).open(str(directory)))
    chat = Chat(generator)
    assert _said(chat, [_user("hello")], seed=1) != _said(chat, [_user("hello")], seed=2)
    texts = {_said(chat, [_user("hello")], temperature=0, seed=n).text for n in range(3)}
    assert len(texts) == 1
    generated = {generator.generate("hello", GenerationOptions(seed=n)).text for n in range(3)}
    assert len(generated) == 1


def test_tool_calls_are_parsed_out_of_the_text(chat: Chat) -> None:
    pytest.importorskip("llguidance", reason="needs the extra `schema`")
    call = '<tool_call>{"name": "light", "arguments": {"on": true}}</tool_call>'
    tool = {"type": "function", "function": {"name": "light", "parameters": {"type": "object"}}}
    options = GenerationOptions(max_tokens=100, choice=[call])
    made = whole(chat.stream([_user("light on")], options, tools=[tool]))
    assert [(each.name, each.arguments) for each in made.tool_calls] == [("light", {"on": True})]
    assert made.text == ""
    assert whole(chat.stream([_user("light on")], options)).text == call
