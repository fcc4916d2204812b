from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from edge_runtime.assistant.pipeline import Assistant

pytestmark = pytest.mark.export

MODEL = "tiny-chat"
HELLO: Any = [{"role": "user", "content": "hello"}]
LIGHT: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "set_light",
        "description": "Switch a light.",
        "parameters": {
            "type": "object",
            "properties": {"room": {"$ref": "#/$defs/room"}, "on": {"type": "boolean"}},
            "required": ["room", "on"],
            "additionalProperties": False,
            "$defs": {"room": {"enum": ["kitchen", "hall"]}},
        },
    },
}
CLOCK: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {},
                                                    "additionalProperties": False}},
}  # fmt: skip


def forget(writer: Assistant) -> None:
    """Let the next prompt be read from its beginning, so that the same comes out again."""
    assert writer.writer is not None
    assert writer.writer.generator is not None
    writer.writer.generator.forget()


def test_a_chat_is_answered_with_its_usage(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12)
    assert (made.object, made.model) == ("chat.completion", MODEL)
    [choice] = made.choices
    assert (choice.message.role, choice.finish_reason) == ("assistant", "length")
    assert choice.message.content
    assert made.usage is not None
    assert made.usage.completion_tokens == 12
    assert made.usage.total_tokens == made.usage.prompt_tokens + 12
    assert made.system_fingerprint is not None
    assert made.system_fingerprint.startswith("sha256:")


def test_a_stream_holds_the_same_text_in_pieces(client: openai.OpenAI, writer: Assistant) -> None:
    forget(writer)
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_completion_tokens=30)
    forget(writer)
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_completion_tokens=30,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *pieces, last = chunks
    assert pieces[0].choices[0].delta.role == "assistant"
    texts = [piece.choices[0].delta.content or "" for piece in pieces]
    assert "".join(texts) == whole.choices[0].message.content
    assert sum(bool(text) for text in texts) > 5
    assert [piece.choices[0].finish_reason for piece in pieces][-2:] == [None, "length"]
    assert all(piece.usage is None for piece in pieces)
    assert last.choices == []
    assert last.usage is not None
    assert whole.usage is not None
    assert last.usage.completion_tokens == whole.usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_has_no_usage_unless_asked(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=3, stream=True)
    assert all(chunk.choices for chunk in stream)


def test_what_was_read_before_is_counted_as_cached(client: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "a question that is asked twice"}]
    client.chat.completions.create(model=MODEL, messages=asked, max_tokens=2)
    again = client.chat.completions.create(model=MODEL, messages=asked, max_tokens=2)
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    cached = again.usage.prompt_tokens_details.cached_tokens
    assert cached is not None
    assert 0 < cached < again.usage.prompt_tokens


def test_a_seed_repeats_a_sampled_answer(client: openai.OpenAI, writer: Assistant) -> None:
    texts = []
    for seed in (5, 5, 6):
        forget(writer)
        made = client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=20, temperature=1.0, top_p=0.9, seed=seed,
            presence_penalty=0.1, frequency_penalty=0.1,
        )  # fmt: skip
        texts.append(made.choices[0].message.content)
    assert texts[0] == texts[1] != texts[2]


def test_an_answer_ends_before_a_stop_text(client: openai.OpenAI, writer: Assistant) -> None:
    forget(writer)
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=30)
    text = whole.choices[0].message.content
    assert text is not None
    stop = text[10:13]
    forget(writer)
    made = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=30, stop=["never", stop]
    )
    assert made.choices[0].message.content == text[: text.index(stop)]
    assert made.choices[0].finish_reason == "stop"


def test_developer_is_a_system_and_parts_are_joined(client: openai.OpenAI) -> None:
    counted = []
    for role, content in (
        ("system", "Be brief.\nAlways."),
        ("developer", [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Always."}]),
    ):
        messages: Any = [{"role": role, "content": content}, *HELLO]
        made = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=2)
        assert made.usage is not None
        counted.append(made.usage.prompt_tokens)
    assert counted[0] == counted[1]


def test_a_json_schema_is_followed(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"room": {"enum": ["kitchen", "hall"]}, "on": {"type": "boolean"}},
        "required": ["room", "on"],
        "additionalProperties": False,
    }
    made = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "light", "strict": True, "schema": schema},
        },
    )
    answer = json.loads(made.choices[0].message.content or "")
    assert answer.keys() == {"room", "on"}
    assert made.choices[0].finish_reason == "stop"


def test_json_object_gives_an_object(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(
        model=MODEL, messages=HELLO, response_format={"type": "json_object"}, max_tokens=200
    )
    assert made.choices[0].message.content is not None
    assert made.choices[0].message.content.startswith("{")


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", {"set_light", "get_time"}),
        ({"type": "function", "function": {"name": "get_time"}}, {"get_time"}),
    ],
)
def test_a_required_tool_is_called_with_arguments_that_fit(
    client: openai.OpenAI, choice: Any, names: set[str]
) -> None:
    tools: Any = [LIGHT, CLOCK]
    made = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        tools=tools,
        tool_choice=choice,
    )
    assert made.choices[0].finish_reason == "tool_calls"
    assert made.choices[0].message.content is None
    [call] = made.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.id.startswith("call_")
    assert call.function.name in names
    arguments = json.loads(call.function.arguments)
    if call.function.name == "set_light":
        assert arguments["room"] in {"kitchen", "hall"}


def test_a_stream_carries_tool_calls_and_none_of_their_text(client: openai.OpenAI) -> None:
    light: Any = LIGHT
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=HELLO, tools=[light], tool_choice="required", stream=True
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert not any(delta.content for delta in deltas)
    [call] = [call for delta in deltas for call in delta.tool_calls or []]
    assert call.index == 0
    assert call.function is not None
    assert call.function.name == "set_light"
    assert json.loads(call.function.arguments or "").keys() == {"room", "on"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_model_that_may_but_does_not_call_a_tool_answers(
    client: openai.OpenAI, writer: Assistant
) -> None:
    light: Any = LIGHT
    forget(writer)
    whole = client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=[light], max_tokens=40
    )
    forget(writer)
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=[light], max_tokens=40, stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == whole.choices[0].message.content
    assert whole.choices[0].finish_reason == "length"


def test_tools_are_shown_unless_the_choice_is_none(client: openai.OpenAI) -> None:
    light: Any = LIGHT
    shown, hidden = (
        client.chat.completions.create(
            model=MODEL, messages=HELLO, tools=[light], tool_choice=choice, max_tokens=1
        )
        for choice in ("auto", "none")
    )
    assert shown.usage is not None
    assert hidden.usage is not None
    assert shown.usage.prompt_tokens > hidden.usage.prompt_tokens + 100


def test_the_results_of_calls_are_read(client: openai.OpenAI) -> None:
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function",
             "function": {"name": "get_time", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "12:30"},
    ]  # fmt: skip
    made = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=2)
    assert made.usage is not None
    assert made.usage.prompt_tokens > 100


def test_default_stands_for_the_first_model_that_chats(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(model="default", messages=HELLO, max_tokens=1)
    assert made.model == MODEL


def test_a_model_that_only_reads_says_which_one_chats(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"does not chat, but ask.*use tiny-chat"):
        client.chat.completions.create(model="assistant", messages=HELLO)


def test_a_server_without_a_chat_model_says_how_to_get_one(reading_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="edge-run serve --model"):
        reading_client.chat.completions.create(model="default", messages=HELLO)
