"""What single tasks promise: what their head's calibration has shown, and nothing else."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.messages import Answer, Request


@functools.cache
def assistant() -> Assistant:
    return Assistant(Store(None).open())


def answered(text: str, task: str = "classify", lang: str | None = None, **options: Any) -> Answer:
    answer = assistant().begin(Request(text=text, task=task, lang=lang, options=options))
    assert isinstance(answer, Answer)
    return answer


def test_a_sure_label_stands_under_the_guarantee_of_its_head() -> None:
    answer = answered("I love this, it is wonderful!", head="sentiment")
    known = assistant().bundle.manifest.calibration["sentiment"]
    assert known.threshold is not None
    assert answer.confidence >= known.threshold
    assert answer.guarantee is not None
    assert (answer.guarantee.alpha, answer.guarantee.n) == (known.alpha, known.n)
    assert answer.reason == ["head sentiment, confidence calibrated"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("it arrived and then it rained, well, hm", {"head": "sentiment"}),  # not sure
        ("Which planet is the largest?", {"head": "difficulty"}),  # no threshold passed
        ("who wrote the novel Moby Dick?", {"head": "intent"}),  # out of scope is no answer
        ("Das ist wirklich ganz wunderbar, ich liebe es!", {"head": "sentiment"}),
        ("I love this, it is wonderful!", {"head": "sentiment", "lang": "fr"}),
    ],
)
def test_no_other_label_does(text: str, options: dict[str, Any]) -> None:
    answer = answered(text, lang=options.pop("lang", None), **options)
    assert answer.guarantee is None
    assert answer.reason[0].endswith("without guarantee")


def test_tags_carry_none() -> None:
    for head in ("slots", "entities", "pii"):
        assert answered("wake Ada at 7", task="tag", head=head).guarantee is None
