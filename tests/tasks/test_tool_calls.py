from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.tasks.tool_calls import Parsed, ToolCall, parse_tool_calls

LAMP = ToolCall("set_light", {"room": "Küche", "on": True})
RADIO = ToolCall("play", {})
ONE = '{"name": "set_light", "arguments": {"room": "Küche", "on": true}}'
LLAMA = ONE.replace("arguments", "parameters")
TWO = '{"name": "play", "arguments": {}}'


@pytest.mark.parametrize(
    ("text", "rest", "calls"),
    [
        (f"<tool_call>\n{ONE}\n</tool_call>", "", [LAMP]),
        (f"Sure.\n<tool_call>{ONE}</tool_call>\nDone", "Sure.\n\nDone", [LAMP]),
        (f"<tool_call>{ONE}</tool_call><tool_call>{TWO}</tool_call>", "", [LAMP, RADIO]),
        (f"<tool_call>\n{ONE}\n{TWO}\n</tool_call>", "", [LAMP, RADIO]),
        (f"<tool_call>\n{ONE}", "", [LAMP]),  # the end token came before the closing tag
        (f"<think>light?</think>\n<tool_call>{ONE}</tool_call>", "<think>light?</think>", [LAMP]),
        (f"[TOOL_CALLS] [{ONE}, {TWO}]", "", [LAMP, RADIO]),
        (f"[TOOL_CALLS][{ONE}]", "", [LAMP]),
        (f"[TOOL_CALLS] {ONE}", "", [LAMP]),
        (f"<|python_tag|>{LLAMA}", "", [LAMP]),
        (f"<|python_tag|>{LLAMA}; {TWO}", "", [LAMP, RADIO]),
        (LLAMA, "", [LAMP]),
        (f"[{ONE}, {TWO}]", "", [LAMP, RADIO]),
        (f"I call {LLAMA} now", "I call  now", [LAMP]),
        (f'{{"type": "function", "function": {ONE}}}', "", [LAMP]),
        (f"```json\n{ONE}\n```", "", [LAMP]),
        (f"Here:\n```\n[{ONE}]\n``` ok", "Here:\n ok", [LAMP]),
        ('{"name": "play", "arguments": "{}"}', "", [RADIO]),
        (f"<tool_call>{{broken}}</tool_call> {TWO}", "<tool_call>{broken}</tool_call>", [RADIO]),
    ],
)
def test_calls_are_found_in_the_forms_of_models(
    text: str, rest: str, calls: list[ToolCall]
) -> None:
    assert parse_tool_calls(text) == Parsed(rest, calls)


@pytest.mark.parametrize(
    "text",
    [
        "  It is 5 o'clock. \n",
        "<tool_call>{'name': 'play', 'arguments': {}}</tool_call>",
        '<tool_call>{"name": "play", "arguments": {</tool_call>',
        '{"name": "Ada", "born": 1815}',
        '{"name": "play", "arguments": [1]}',
        '{"name": "play", "arguments": {"x": NaN}}',
        '{"name": "play", "arguments": {"x": "\\ud800"}}',
        '{"name": 7, "arguments": {}}',
        '{"name": "", "arguments": {}}',
        '{"arguments": {}}',
        f'{{"example": {TWO}}}',
        f'[{TWO}, {{"name": "Ada"}}]',
        "```json\n{}\n```",
        "[TOOL_CALLS]",
        '{"name": "play", "arguments": ' + '{"a": ' * 20_000,
        "[" * 20_000,
        '{"name": "play", "arguments": {"n": ' + "9" * 5000 + "}}",
    ],
)
def test_what_is_no_call_stays_as_it_is(text: str) -> None:
    assert parse_tool_calls(text) == Parsed(text, [])


PIECES = [
    "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "```json\n", "```", ONE, TWO,
    "{", "}", "[", "]", '"name"', ":", ",", ";", " ", '{"a": 1}', "text",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


@given(texts)
def test_no_text_is_an_error(text: str) -> None:
    parsed = parse_tool_calls(text)
    if not parsed.calls:
        assert parsed.text == text
    assert len(parsed.calls) <= text.count('"name"')


@given(st.text().filter(lambda text: "{" not in text))
def test_prose_is_returned_unchanged(text: str) -> None:
    assert parse_tool_calls(text) == Parsed(text, [])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(PIECES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(
    st.text(min_size=1, max_size=10),
    st.dictionaries(st.text(max_size=5), values, max_size=4),
    st.sampled_from(["{}", "<tool_call>\n{}\n</tool_call>", "[TOOL_CALLS] [{}]", "```json\n{}```"]),
)
def test_any_call_that_is_written_is_read_as_it_was(
    name: str, arguments: dict[str, Any], form: str
) -> None:
    text = form.replace("{}", json.dumps({"name": name, "arguments": arguments}))
    assert parse_tool_calls(text) == Parsed("", [ToolCall(name, arguments)])
