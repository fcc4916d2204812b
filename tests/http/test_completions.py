from __future__ import annotations

import openai
import pytest

from edge_runtime.assistant.pipeline import Assistant

pytestmark = pytest.mark.export

MODEL = "tiny-chat"


def test_a_prompt_is_continued_by_sixteen_tokens_unless_asked(client: openai.OpenAI) -> None:
    made = client.completions.create(model=MODEL, prompt="Once upon a time")
    assert made.object == "text_completion"
    assert made.choices[0].finish_reason == "length"
    assert made.usage is not None
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (16, 16)


def test_several_prompts_are_continued_in_order(client: openai.OpenAI, writer: Assistant) -> None:
    prompts = ["one of the prompts", "2"]
    made = client.completions.create(model=MODEL, prompt=prompts, max_tokens=8)
    assert [choice.index for choice in made.choices] == [0, 1]
    assert made.usage is not None
    assert writer.writer is not None
    assert writer.writer.generator is not None
    ids = [len(writer.writer.generator.tokenizer.ids(prompt)) for prompt in prompts]
    assert made.usage.prompt_tokens == sum(ids)
    assert made.usage.completion_tokens == 16


def test_a_stream_says_which_prompt_a_piece_continues(client: openai.OpenAI) -> None:
    *pieces, last = list(
        client.completions.create(
            model=MODEL, prompt=["a", "b"], max_tokens=8, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    indices = [piece.choices[0].index for piece in pieces]
    assert indices == sorted(indices)
    reasons: list[str | None] = [piece.choices[0].finish_reason for piece in pieces]
    assert [reason for reason in reasons if reason] == ["length", "length"]
    texts = ["", ""]
    for piece in pieces:
        texts[piece.choices[0].index] += piece.choices[0].text
    assert [len(text) for text in texts] == [8, 8]
    assert last.usage is not None
    assert last.usage.completion_tokens == 16


def test_an_error_in_the_middle_of_a_stream_reaches_the_client(client: openai.OpenAI) -> None:
    stream = client.completions.create(model=MODEL, prompt=["a", " "], max_tokens=4, stream=True)
    with pytest.raises(openai.APIError, match="the text is empty"):
        list(stream)
