# ruff: noqa: RUF001 - full stops of other scripts
from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.sentences import join_sentences, split_sentences
from edge_runtime.tasks.summarization import choose, summarize, worth


@cache
def _encoder() -> Encoder:
    return Encoder(Store(None).open())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith came. He left.", ["Dr. Smith came.", "He left."]),
        ("It cost 3.5 euros! Really?", ["It cost 3.5 euros!", "Really?"]),
        ('He said "Go." Then he went.', ['He said "Go."', "Then he went."]),
        ("one line\n\nanother", ["one line", "another"]),
        ("one\r\n \r\ntwo\nlines", ["one", "two lines"]),
        ("Wait... what? Yes... Then it rained.", ["Wait... what?", "Yes...", "Then it rained."]),
        ("The U.S. Army, e.g. A. Lee. He went.", ["The U.S. Army, e.g. A. Lee.", "He went."]),
        ("See Fig. 3 and No. 5. No. Yes.", ["See Fig. 3 and No. 5.", "No.", "Yes."]),
        ("1. First. 2. Second.", ["1. First.", "2. Second."]),
        ("¿Qué? ¡Nada! «Sí.» Ella.", ["¿Qué?", "¡Nada!", "«Sí.»", "Ella."]),
        ("今天很好。我们走吧！你说呢？", ["今天很好。", "我们走吧！", "你说呢？"]),
        ("「行こう。」と言った。", ["「行こう。」", "と言った。"]),
        ("यह एक है। यह दूसरा है।", ["यह एक है।", "यह दूसरा है।"]),
        ("هل أنت بخير؟ نعم. شكرا.", ["هل أنت بخير؟", "نعم.", "شكرا."]),
        ("کیسے ہیں؟ ٹھیک ہوں۔ شکریہ۔", ["کیسے ہیں؟", "ٹھیک ہوں۔", "شکریہ۔"]),
        ("Էլի գնաց։ Նա եկավ։", ["Էլի գնաց։", "Նա եկավ։"]),
        ("no end", ["no end"]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_sentences_of_any_script(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_sentences_are_joined_as_their_script_is_written() -> None:
    assert join_sentences(["One.", "Two."]) == "One. Two."
    assert join_sentences(["一。", "二。"]) == "一。二。"
    assert join_sentences(["「一。」", "二。"]) == "「一。」二。"


@given(st.text(st.characters() | st.sampled_from(" .!?。\n\"'Aa1।؟"), max_size=200))
def test_no_letter_is_lost_or_moved(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("unit", [".", " ", ". ", "\n", '."', "\n  ", "。", ".'", "A. "])
def test_splitting_takes_time_in_proportion(unit: str) -> None:
    """Eight times the text may take at most 24 times as long: quadratic would be 64."""
    import time

    def spent(count: int) -> float:
        started = time.process_time()
        split_sentences(unit * count)
        return time.process_time() - started

    assert spent(160_000) < 24 * max(spent(20_000), 0.005)


def test_a_copy_of_what_is_chosen_is_never_chosen() -> None:
    same, other = [1.0, 0.0], [0.3, 0.95]
    vectors = np.array([same, same, same, other], dtype=np.float32)
    assert sorted(choose(vectors, 2)) == [0, 3]
    assert len(choose(vectors, 4)) == 2


def test_what_stands_nearest_to_the_whole_is_chosen_first() -> None:
    angles = np.radians([80, 0, 30, 40, 50])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert choose(vectors, 1) == [3]


def test_a_long_text_of_many_sentences_is_summarized_in_its_order() -> None:
    text = " ".join(f"Train {n} to Berlin leaves at {n} o'clock." for n in range(200))
    summary = summarize(_encoder(), "embedding", text, 3)
    assert summary.of == 200
    assert 1 <= len(summary.sentences) <= 3
    positions = [text.index(sentence) for sentence in summary.sentences]
    assert positions == sorted(positions)


def test_a_sentence_longer_than_the_model_is_read_whole() -> None:
    long = "the meeting went on and on " * 60
    summary = summarize(_encoder(), "embedding", f"My cat sleeps. Then {long}ended. It rains.", 2)
    assert summary.of == 3
    assert len(summary.sentences) == 2


def test_a_question_and_a_short_sentence_are_worth_less() -> None:
    told = "The pump in the cellar failed because its filter was full of sand."
    asked = "Why did the pump in the cellar fail if its filter was full of sand?"
    first, second, third, fourth = worth([told, asked, "Oh no.", told])
    assert first > fourth > second > third


def test_words_that_come_again_are_worth_more() -> None:
    sentences = ["x", "pump filter cellar", "pump filter cellar", "violin harbour winter"]
    worths = worth(sentences)
    assert worths[1] == worths[2] > worths[3]


def test_a_sentence_past_thirty_words_is_worth_less() -> None:
    longer, shorter = "one two " * 30, "one two " * 10
    _, at_length, in_short = worth(["x", longer, shorter])
    assert in_short > at_length


@given(st.lists(st.text(max_size=60), max_size=8))
def test_every_sentence_has_a_worth(sentences: list[str]) -> None:
    assert np.isfinite(worth(sentences)).all()
    assert len(worth(sentences)) == len(sentences)


def test_what_a_sentence_is_worth_decides_between_equally_close_ones() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    assert choose(vectors, 1, np.array([0.0, 0.1], dtype=np.float32)) == [1]
    assert choose(vectors, 1, np.array([0.1, 0.0], dtype=np.float32)) == [0]
