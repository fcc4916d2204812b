"""Calibration of what a bundle writes, with a tiny decoder whose answers are declared right."""

from __future__ import annotations

import json
import shutil
import string
from pathlib import Path

import pytest

from edge_export.calibrate import calibrate
from edge_export.evaluation.written import answer_questions, read_questions
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import WRITTEN
from edge_runtime.tasks.generation import TextGenerator

pytestmark = pytest.mark.export


@pytest.fixture
def bundle(tiny_decoder: Path, tmp_path: Path) -> Bundle:
    shutil.copytree(tiny_decoder, tmp_path / "bundle")
    return Store(None).open(str(tmp_path / "bundle"))


def _data(path: Path, bundle: Bundle, count: int) -> Path:
    """Questions of which those are answered right whose least margin is large."""
    questions = [f"question {number} {'x' * (number % 7)}" for number in range(count)]
    said = answer_questions(TextGenerator(bundle), questions, [["none"]] * count).answers
    margins = sorted(each.least_margin or 0.0 for each in said)
    middle = margins[count // 2]
    lines = []
    for question, each in zip(questions, said, strict=True):
        words = _words(each.text)
        is_right = (each.least_margin or 0.0) > middle and words
        lines.append(json.dumps({"question": question, "answer": words[0] if is_right else "none"}))
    path.write_text("\n".join(lines) + "\n")
    return path


def _words(text: str) -> list[str]:
    return "".join(" " if c in string.punctuation else c for c in text.lower()).split()


def test_confidence_follows_the_margins_of_the_tokens(bundle: Bundle, tmp_path: Path) -> None:
    name, found, _ = calibrate(
        bundle, _data(tmp_path / "q.jsonl", bundle, 160), alpha=0.2, delta=0.1, text="question"
    )

    assert name == WRITTEN
    assert found.auroc is not None
    assert found.auroc > 0.7
    calibrated = Store(None).open(str(bundle.path))
    assert calibrated.manifest.calibration[WRITTEN] == found
    answer = Assistant(calibrated).begin(Request(text="question 3", task="generate"))
    assert isinstance(answer, Answer)
    assert 0 < answer.confidence < 1
    assert "nothing is known" not in " ".join(answer.reason)


def test_without_calibration_nothing_is_promised(bundle: Bundle) -> None:
    answer = Assistant(bundle).begin(Request(text="question 3", task="generate"))

    assert isinstance(answer, Answer)
    assert answer.confidence == 0.0
    assert "nothing is known of how right it is" in answer.reason[0]


def test_the_first_label_in_the_text_counts(bundle: Bundle) -> None:
    generator = TextGenerator(bundle)
    questions = [f"question {number}" for number in range(40)]
    said = answer_questions(generator, questions, [["none"]] * len(questions)).answers
    spoken = [_words(each.text) for each in said]
    chosen = next(i for i, words in enumerate(spoken) if len(set(words)) > 1)
    words = spoken[chosen]
    first, later = words[0], next(word for word in words if word != words[0])

    found = answer_questions(generator, [questions[chosen]] * 4, [[first], [later]] * 2)

    assert found.right.tolist() == [True, False, True, False]


def test_a_row_without_an_answer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "a", "answer": "b"}\n{"question": "a", "answer": "..."}\n')

    with pytest.raises(ConfigError, match=r"q\.jsonl:2"):
        read_questions(path)
