from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.classification import classify
from edge_runtime.tasks.embedding import embed
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.summarization import summarize
from edge_runtime.tasks.tagging import lowest_score, tag


@functools.cache
def _shared() -> Encoder:
    return Encoder(Store(None).open())


@pytest.fixture
def encoder() -> Encoder:
    return _shared()


def _entities(encoder: Encoder, text: str) -> list[tuple[str, str]]:
    head = encoder.bundle.manifest.heads["entities"]
    return [(e.text, e.label) for e in tag("entities", head, encoder.encode([text])[0])]


def test_people_and_places_are_found(encoder: Encoder) -> None:
    text = "Angela Merkel met Emmanuel Macron in Berlin."
    assert _entities(encoder, text) == [
        ("Angela Merkel", "PERSON"),
        ("Emmanuel Macron", "PERSON"),
        ("Berlin", "LOCATION"),
    ]


def test_names_far_behind_the_models_length_are_found(encoder: Encoder) -> None:
    filler = "the meeting went on and on without any result and nobody was happy about it . " * 40
    found = _entities(encoder, f"{filler}Angela Merkel lives in Berlin. {filler}")
    assert ("Angela Merkel", "PERSON") in found
    assert ("Berlin", "LOCATION") in found


@given(st.text(max_size=300))
def test_spans_are_true_for_any_text(text: str) -> None:
    encoder = _shared()
    head = encoder.bundle.manifest.heads["entities"]
    encoding = encoder.encode([text])[0]
    entities = tag("entities", head, encoding)
    for entity in entities:
        assert text[entity.start : entity.end] == entity.text
        assert entity.start < entity.end
    assert all(left.end <= right.start for left, right in pairwise(entities))
    assert 0 <= lowest_score("entities", head, encoding) <= 1


def test_sentiment_of_plain_reviews(encoder: Encoder) -> None:
    head = encoder.bundle.manifest.heads["sentiment"]
    texts = ["This camera is wonderful, I love it.", "Terrible. It broke after a day."]
    labels = [
        classify("sentiment", head, encoding.mean("sentiment")).label
        for encoding in encoder.encode(texts)
    ]
    assert labels == ["positive", "negative"]


def test_a_multi_label_head_returns_every_label_that_holds() -> None:
    head = Head(type="classification", output="x", labels=["a", "b", "c"], multi_label=True)
    result = classify("x", head, np.array([2.0, -2.0, 1.0], dtype=np.float32))
    assert [candidate.label for candidate in result.candidates] == ["a", "c"]


def test_embeddings_are_unit_vectors_and_near_for_like_meaning(encoder: Encoder) -> None:
    texts = ["turn off the lamp", "switch the light off", "the stock market fell today"]
    a, b, c = (np.array(embed("embedding", e).vector) for e in encoder.encode(texts))
    assert np.linalg.norm(a) == pytest.approx(1.0, abs=1e-4)
    assert a @ b > a @ c + 0.2


def test_a_batch_gives_what_single_texts_give(encoder: Encoder) -> None:
    texts = ["turn it off", "what is the weather like in Paris tomorrow", "hm"]
    together = encoder.encode(texts)
    for text, encoding in zip(texts, together, strict=True):
        alone = encoder.encode([text])[0].mean("embedding")
        # activations are quantized per batch, so not bit by bit
        assert alone @ encoding.mean("embedding") > 0.98


def test_a_summary_keeps_sentences_of_the_text_in_its_order(encoder: Encoder) -> None:
    text = (
        "The observatory was built in 1901. It stands on a hill. Dr. A. Lee runs it. "
        "The telescope of the observatory watches comets. My cat is called Tom."
    )
    summary = summarize(encoder, "embedding", text, 2)
    assert summary.of == 5
    assert len(summary.sentences) == 2
    positions = [text.index(sentence) for sentence in summary.sentences]
    assert positions == sorted(positions)
    assert "cat" not in summary.text


def test_a_short_text_is_its_own_summary(encoder: Encoder) -> None:
    assert summarize(encoder, "embedding", "One. Two.", 3).text == "One. Two."
