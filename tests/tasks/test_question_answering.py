from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.question_answering import answer
from tests.tasks.graphs import Form, bundle_of, table

pytestmark = pytest.mark.export

SPAN = Head(type="span", output="start_logits")


def _bundle(directory: Path, none: float = 0.0, length: int = 64) -> Bundle:
    """An answer begins with S or s and ends with E or e; the large letters are better."""
    starts, ends = table(1, {"S": [6], "s": [4]})[:, 0], table(1, {"E": [6], "e": [4]})[:, 0]
    for rows in (starts, ends):
        rows[rows == 0] = -5.0
        rows[0] = none / 2
    tables = {"start_logits": starts, "end_logits": ends}
    return bundle_of(directory, {"qa": SPAN}, tables, Form(max_length=length))


def test_the_best_span_of_any_window_is_the_answer(tmp_path: Path) -> None:
    context = "x" * 70 + " SxE " + "x" * 70 + " sxe"
    for length in (40, 400):
        encoder = Encoder(_bundle(tmp_path / str(length), length=length))
        found = answer(encoder, "qa", "q", context)
        assert (found.text, found.start, found.end) == ("SxE", 71, 74)
        assert found.answerable
        assert found.score == pytest.approx(12.0)
        # the other span is 4 worse, and no answer 12
        assert found.probability == pytest.approx(1 / (1 + math.exp(-4) + math.exp(-12)), abs=1e-3)


def test_the_space_before_a_word_is_not_of_the_answer(tmp_path: Path) -> None:
    encoder = Encoder(_bundle(tmp_path))
    assert answer(encoder, "qa", "q", "a  SE  b").text == "SE"


def test_an_answer_never_ends_before_it_begins_nor_lies_in_the_question(tmp_path: Path) -> None:
    encoder = Encoder(_bundle(tmp_path))
    assert answer(encoder, "qa", "SE", "E s e S").text == "s e"


def test_below_the_threshold_there_is_no_answer(tmp_path: Path) -> None:
    encoder = Encoder(_bundle(tmp_path, none=15.0))
    assert answer(encoder, "qa", "q", "a SE").text == "SE"
    refused = answer(encoder, "qa", "q", "a SE", least=0.0)
    assert (refused.text, refused.start, refused.end, refused.answerable) == ("", 0, 0, False)
    assert refused.score == pytest.approx(-3.0)
    assert 0.9 < refused.probability < 1
    assert answer(encoder, "qa", "q", "a SE", least=-4.0).answerable


def test_a_text_without_a_token_has_no_answer(tmp_path: Path) -> None:
    encoder = Encoder(_bundle(tmp_path))
    found = answer(encoder, "qa", "q", "   ")
    assert (found.text, found.answerable) == ("", False)


def test_whoever_asks_is_told_that_there_is_no_answer(tmp_path: Path) -> None:
    assistant = Assistant(_bundle(tmp_path, none=15.0))
    request = Request(text="a SE", task="answer", options={"question": "q"})
    found = assistant.begin(request)
    assert isinstance(found, Answer)
    assert found.result is not None
    assert (found.result["answerable"], found.result["text"]) == (False, "")
    assert found.reason[0] == "the text does not answer this"
    asked = {"question": "q", "min_score": -10}
    lax = assistant.begin(Request(text="a SE", task="answer", options=asked))
    assert isinstance(lax, Answer)
    assert lax.result is not None
    assert lax.result["text"] == "SE"
    assert lax.confidence == lax.result["probability"]
