# ruff: noqa: RUF001 - letters as people send them
from __future__ import annotations

import functools
import tempfile
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.tokenizer import Tokenizer, Window
from edge_runtime.inference.words import trim
from tests.inference.tokenizers_made import KINDS, make_tokenizer

TEXT = "Angela met Berlin. in  Berlin!"


@functools.cache
def _tokenizer(kind: str, length: int | None = None) -> Tokenizer:
    with tempfile.TemporaryDirectory() as directory:
        return Tokenizer(make_tokenizer(kind, Path(directory)), max_length=length)


# hard cases beside whatever hypothesis finds: joined and flag emoji, right to left with marks,
# zero-width and combining characters, NUL, mixed line ends, an astral letter, a soft hyphen
HARD = (
    "👩‍👩‍👧‍👦 met 🇩🇪🇫🇷", "\u202bשָׁלוֹם עֲלֵיכֶם\u202c", "مرحباً\u200f بكم",
    "co\u200boperate\ufeff now", "e\u0301\u0323te\u0301", "a\x00b\x00 \x00",
    "one\r\ntwo\rthree\n\u2028four\u0085", "𝔘𝔫𝔦 code", "soft\u00adhyphen",
    "東京タワーに行った。", "ＡＢＣ　ｄｅｆ", "ภาษาไทยไม่มีช่องว่าง",
    "don't U.S.A. 3.5%", "  spaces  \t ", "İstanbul ǅ ﬁne",
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(HARD), st.text(max_size=120), st.lists(st.sampled_from(HARD)).map(" ".join)
)


def _spans(window: Window, text: str) -> list[str]:
    """The characters of every word."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for word, span in zip(window.words, window.offsets, strict=True):
        if word >= 0:
            spans.setdefault(word, []).append(span)
    found = (text[pieces[0][0] : pieces[-1][1]] for pieces in spans.values())
    return [word for word in found if word]


@pytest.mark.parametrize("kind", KINDS)
def test_words_have_neither_spaces_nor_punctuation(kind: str) -> None:
    [window] = _tokenizer(kind).windows([TEXT])
    assert _spans(window, TEXT) == ["Angela", "met", "Berlin", ".", "in", "Berlin", "!"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wordpiece"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("東京に行く。", ["東", "京", "に", "行", "く", "。"]),
        ("cafe\u0301s!", ["cafe\u0301s", "!"]),
        ("a 👩‍👧 b", ["a", "👩‍👧", "b"]),
        ("\u00fcber 5%", ["\u00fcber", "5", "%"]),
    ],
)
def test_words_of_other_scripts(kind: str, text: str, words: list[str]) -> None:
    [window] = _tokenizer(kind).windows([text])
    assert _spans(window, text) == words


@pytest.mark.parametrize("kind", KINDS)
@given(text=texts, length=st.sampled_from([None, 8, 16]))
def test_spans_are_of_the_text_and_in_order(kind: str, text: str, length: int | None) -> None:
    for window in _tokenizer(kind, length).windows([text]):
        assert len(window.ids) == len(window.words) == len(window.offsets) == len(window.type_ids)
        assert length is None or len(window.ids) <= length
        spans = [s for s, word in zip(window.offsets, window.words, strict=True) if word >= 0]
        for start, end in spans:
            assert 0 <= start <= end <= len(text)
            assert trim(text, start, end) == (start, end)
        assert all(left <= right for left, right in pairwise(start for start, _ in spans))
        assert all(left <= right for left, right in pairwise(w for w in window.words if w >= 0))


@pytest.mark.parametrize("kind", KINDS)
@given(text=texts)
def test_windows_cover_a_long_text_and_share_tokens(kind: str, text: str) -> None:
    [whole] = _tokenizer(kind).windows([text])
    ids = [i for i, word in zip(whole.ids.tolist(), whole.words, strict=True) if word >= 0]
    parts = [
        [i for i, word in zip(each.ids.tolist(), each.words, strict=True) if word >= 0]
        for each in _tokenizer(kind, 16).windows([text])
    ]
    joined = parts[0]
    for left, right in pairwise(parts):
        assert left[-4:] == right[:4]
        joined = joined + right[4:]
    assert joined == ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_surrogate_is_refused(kind: str) -> None:
    tokenizer = _tokenizer(kind, 16)
    for text in ("a\ud800b", "\udfff"):
        for read in (
            lambda text=text: tokenizer.windows([text]),
            lambda text=text: tokenizer.windows(["fine", text]),
            lambda text=text: tokenizer.ids(text),
            lambda text=text: tokenizer.pair_windows("who?", text),
            lambda text=text: tokenizer.pair_windows(text, "fine"),
        ):
            with pytest.raises(BadRequestError, match="lone surrogate"):
                read()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", ["a", "a ", ".", "\u0301", "👩‍👧"])
def test_a_long_text_takes_time_in_proportion(kind: str, unit: str) -> None:
    """Eight times the text may take at most 24 times as long: quadratic would be 64."""
    import time

    tokenizer = _tokenizer(kind, 512)

    def spent(characters: int) -> float:
        text = unit * (characters // len(unit))
        started = time.process_time()
        tokenizer.windows([text])
        return time.process_time() - started

    assert spent(80_000) < 24 * max(spent(10_000), 0.005)


def test_a_text_of_nothing_is_refused_where_there_are_no_special_tokens(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Made

    made = Made.from_file(str(make_tokenizer("byte-level", tmp_path)))
    made.post_processor = None
    made.save(str(tmp_path / "plain.json"))
    with pytest.raises(BadRequestError, match="nothing that the model can read"):
        Tokenizer(tmp_path / "plain.json").windows([""])


@pytest.mark.parametrize("kind", KINDS)
def test_questions_of_any_length_beside_long_texts(kind: str) -> None:
    tokenizer = _tokenizer(kind, 48)
    context = "Angela met Berlin. " * 20
    windows = tokenizer.pair_windows("in?", context)
    assert len(windows) > 1
    covered = set()
    for window in windows:
        assert len(window.ids) <= 48
        spans = [s for s, word in zip(window.offsets, window.words, strict=True) if word >= 0]
        assert all(trim(context, *span) == span for span in spans)
        covered |= {place for start, end in spans for place in range(start, end)}
    assert covered >= {place for place, letter in enumerate(context) if not letter.isspace()}
    with pytest.raises(BadRequestError, match="question is too long"):
        tokenizer.pair_windows("in " * 50, context)


def test_threads_that_ask_about_long_texts_do_not_disturb_each_other() -> None:
    tokenizer = _tokenizer("wordpiece", 48)
    context, text = "Angela met Berlin. " * 20, "turn light " * 50
    pairs = [w.ids.tolist() for w in tokenizer.pair_windows("in?", context)]
    single = [w.ids.tolist() for w in tokenizer.windows([text])]
    wrong: list[object] = []

    def work() -> None:
        try:
            for _ in range(40):
                assert [w.ids.tolist() for w in tokenizer.pair_windows("in?", context)] == pairs
                assert [w.ids.tolist() for w in tokenizer.windows([text])] == single
        except BaseException as exc:  # noqa: BLE001 - told to the test's own thread
            wrong.append(exc)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(("kind", "pad"), [("wordpiece", 0), ("byte-level", 1), ("metaspace", 1)])
def test_the_padding_is_the_models_own(kind: str, pad: int) -> None:
    assert _tokenizer(kind).pad_id == pad


def test_what_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"tokenizer\.json is not a tokenizer"):
        Tokenizer(tmp_path / "tokenizer.json")
