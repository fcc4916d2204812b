from __future__ import annotations

import openai
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.messages import Answer, Request

TEXTS = ["turn on the light", "switch the lamp on", "what is the capital of France"]


def own_vector(reader: Assistant, text: str) -> list[float]:
    answer = reader.begin(Request(text=text, task="embed"))
    assert isinstance(answer, Answer)
    assert answer.result is not None
    vector: list[float] = answer.result["vector"]
    return vector


@pytest.mark.parametrize("form", ["float", "base64"])
def test_texts_become_their_vectors_in_order(
    reading_client: openai.OpenAI, reader: Assistant, form: str
) -> None:
    made = reading_client.embeddings.create(
        model="assistant",
        input=TEXTS,
        encoding_format=form,  # type: ignore[arg-type]
    )
    assert [each.index for each in made.data] == [0, 1, 2]
    if form == "float":
        for text, each in zip(TEXTS, made.data, strict=True):
            assert each.embedding == own_vector(reader, text)
    else:
        assert all(isinstance(each.embedding, str) for each in made.data)


def test_the_client_reads_its_default_form(
    reading_client: openai.OpenAI, reader: Assistant
) -> None:
    made = reading_client.embeddings.create(model="default", input=TEXTS[0])
    [each] = made.data
    assert each.embedding == pytest.approx(own_vector(reader, TEXTS[0]), abs=1e-6)
    # the start and the end of a text are tokens of this model
    assert made.usage.prompt_tokens == made.usage.total_tokens == 6


@pytest.mark.parametrize(
    ("given", "says", "param"),
    [
        ({"input": [1, 2, 3]}, "input in tokens is not supported", "input"),
        ({"input": [[1, 2], [3]]}, "input in tokens is not supported", "input"),
        ({"input": []}, "empty list", "input"),
        ({"input": ["a", 1]}, "a text or a list of texts", "input"),
        ({"input": " "}, "the text is empty", None),
        ({"input": "a", "dimensions": 64}, "vectors of 384 dimensions", "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "encoding_format"),
    ],
)
def test_what_cannot_be_embedded_is_a_clear_error(
    reading_client: openai.OpenAI, given: dict[str, object], says: str, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as caught:
        reading_client.embeddings.create(model="assistant", **given)  # type: ignore[arg-type]
    assert caught.value.param == param


def test_the_models_own_dimensions_may_be_asked_for(reading_client: openai.OpenAI) -> None:
    made = reading_client.embeddings.create(
        model="assistant", input="a", dimensions=384, encoding_format="float"
    )
    assert len(made.data[0].embedding) == 384
