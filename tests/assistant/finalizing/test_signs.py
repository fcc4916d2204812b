from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.finalizing.signs import clean


def test_control_signs_go_and_are_counted() -> None:
    assert clean(" a\x00b\x1b[31mc\u202ed\ufeff\r\n\te ") == ("ab[31mcd\n\te", 4)


def test_letters_of_any_script_and_joined_emoji_stay() -> None:
    text = "Grüße, 你好 👩\u200d🚀 שלום"
    assert clean(text) == (text, 0)


@given(st.text(st.characters(codec=None)))
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    cleaned, _ = clean(text)
    assert not {"Cc", "Cs"} & {unicodedata.category(c) for c in cleaned if c not in "\n\t"}
    cleaned.encode()
