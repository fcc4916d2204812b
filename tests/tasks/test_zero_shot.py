from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.encoder import Encoder, Encoding
from edge_runtime.tasks.zero_shot import MOST_LABELS, MOST_SENTENCES, ZeroShotClassifier

LABELS = {
    "light": ["turn on the light"],
    "music": ["play music", "put on a song"],
    "weather": ["tell me the weather forecast"],
}


class Counting(Encoder):
    """Notes every text that it encodes."""

    texts: list[str]

    def encode(self, texts: Sequence[str], heads: Collection[str] | None = None) -> list[Encoding]:
        self.texts = [*getattr(self, "texts", []), *texts]
        return super().encode(texts, heads)


@cache
def _assistant() -> Assistant:
    return Assistant(Store(None).open())


def _classify(text: str, **options: Any) -> Answer:
    found = _assistant().begin(Request(text=text, task="classify", options=options))
    assert isinstance(found, Answer)
    return found


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("could you switch the lamp on please", "light"),
        ("I want to hear some jazz", "music"),
        ("is it going to rain tomorrow", "weather"),
    ],
)
def test_the_label_is_the_nearest_in_meaning(text: str, label: str) -> None:
    answer = _classify(text, labels=LABELS)
    assert answer.result is not None
    assert answer.result["label"] == label
    assert answer.result["score"] == answer.confidence
    scores = [candidate["score"] for candidate in answer.result["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1.0, abs=1e-3)


def test_it_says_that_it_is_not_calibrated_and_promises_nothing() -> None:
    answer = _classify("I want to hear some jazz", labels=LABELS)
    assert "not calibrated" in answer.reason[0]
    assert answer.guarantee is None


def test_labels_may_be_a_list_that_says_what_it_means() -> None:
    result = _classify("dim the lamp", labels=["turn on the light", "play music"]).result
    assert result is not None
    assert result["label"] == "turn on the light"


def test_known_labels_cost_one_forward_pass() -> None:
    encoder = Counting(Store(None).open())
    classifier = ZeroShotClassifier(encoder, "embedding")
    first = classifier.classify("dim the lamp", LABELS)
    assert len(encoder.texts) == 1 + 4
    encoder.texts.clear()
    assert classifier.classify("dim the lamp", LABELS) == first
    assert encoder.texts == ["dim the lamp"]


def test_a_label_scores_the_same_whatever_was_asked_before() -> None:
    encoder = Encoder(Store(None).open())
    fresh = ZeroShotClassifier(encoder, "embedding").classify("dim the lamp", LABELS)
    used = ZeroShotClassifier(encoder, "embedding")
    used.classify("what is it", dict(reversed(LABELS.items())))
    assert used.classify("dim the lamp", LABELS) == fresh


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.tasks.zero_shot._KEPT", 4)
    encoder = Counting(Store(None).open())
    classifier = ZeroShotClassifier(encoder, "embedding")
    for number in range(5):
        classifier.classify("hm", {f"a {number}": [f"a {number}"], f"b {number}": [f"b {number}"]})
    encoder.texts.clear()
    classifier.classify("hm", {"a 4": ["a 4"], "b 4": ["b 4"]})
    assert encoder.texts == ["hm"]
    encoder.texts.clear()
    classifier.classify("hm", {"a 0": ["a 0"], "b 0": ["b 0"]})
    assert encoder.texts == ["hm", "a 0", "b 0"]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["only one"], "give 2 to"),
        ([], "give 2 to"),
        ([f"label {n}" for n in range(MOST_LABELS + 1)], "give 2 to"),
        ({"a": ["x"] * MOST_SENTENCES, "b": ["y"]}, "sentences together"),
        (["same", "same"], "different"),
        (["a", 7], "different texts"),
        ("a,b", "a list or an object"),
        ({"a": ["x"], "b": []}, "'b' has no description"),
        ({"a": "x", "b": " "}, "'b' has no description"),
        ({"a": "x", "b": 7}, "'b' must be a text"),
        ({"a": "x", "b": [None]}, "'b' must be a text"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: object, says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        _classify("hm", labels=labels)


def test_a_head_and_labels_together_are_refused() -> None:
    with pytest.raises(BadRequestError, match="no option head"):
        _classify("hm", labels=LABELS, head="intent")
