from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.http.tool_text import ToolText
from edge_runtime.tasks.tool_calls import parse_tool_calls

CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


def shown(text: str, size: int) -> str:
    held = ToolText()
    pieces = [held.push(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join([*pieces, held.rest(parse_tool_calls(text).text)])


@given(st.text(alphabet='ab \n<[{`}]>"', max_size=60), st.integers(1, 7))
def test_a_text_without_calls_is_shown_whole(text: str, size: int) -> None:
    assert shown(text, size) == text


@given(
    st.text(alphabet="ab \n", max_size=20), st.text(alphabet="ab \n", max_size=20),
    st.integers(1, 7),
)  # fmt: skip
def test_beside_a_call_all_but_white_space_is_shown(before: str, after: str, size: int) -> None:
    text = before + CALL + after
    assert shown(text, size).split() == parse_tool_calls(text).text.split()


@pytest.mark.parametrize("text", [CALL, f" \n{CALL}\n", CALL + CALL])
def test_nothing_of_a_call_is_shown(text: str) -> None:
    assert not shown(text, 3).strip()
