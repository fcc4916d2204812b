from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

import edge_runtime
from edge_runtime import (
    Generation,
    GenerationOptions,
    LoadedBundle,
    Message,
    OwnerPolicy,
    Resources,
    load,
)
from edge_runtime.api.keywords import GenerationKeywords
from edge_runtime.errors import (
    BadRequestError,
    BundleNotFoundError,
    TooLargeError,
    UnsupportedTaskError,
)
from edge_runtime.messages import Escalation, Reply
from tests.endpoint import Endpoint

UNSURE = "Why did the Roman empire fall, and what did Angela Merkel say about it?"
COMMANDS = {
    "turn on the kitchen light": "HassTurnOn",
    "turn off the kitchen light": "HassTurnOff",
    "what is my account balance": "balance",
}


@pytest.fixture(scope="module", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of this machine, and a state directory of one's own."""
    state = str(tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_CONFIG", os.devnull)
        patch.setenv("EDGE_STATE", state)
        patch.setenv("EDGE_THREADS", "1")  # the pool of more would be that of all later tests
        yield


@pytest.fixture(scope="module")
def assistant(own_settings: None) -> Iterator[LoadedBundle]:  # noqa: ARG001
    with load() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def writer(own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:  # noqa: ARG001
    pytest.importorskip("transformers", reason="needs the extra `export`")
    from tests.http.tiny_writer import tiny_writer

    return load(tiny_writer(tmp_path_factory.getbasetemp()))


def test_a_sure_answer_is_given_here(assistant: LoadedBundle) -> None:
    answer = assistant.ask("turn on the kitchen light")
    assert answer.result is not None
    assert (answer.source, answer.result["intent"]) == ("local", "HassTurnOn")
    assert answer.guarantee is not None
    assert answer.model == assistant.model


def test_without_an_llm_the_best_guess_says_that_nobody_was_asked(assistant: LoadedBundle) -> None:
    answer = assistant.ask(UNSURE)
    assert (answer.status, answer.source, answer.error) == ("ok", "local", None)
    assert "no llm was given to load" in answer.reason
    assert any("best guess" in reason for reason in answer.reason)


def test_an_llm_is_asked_with_the_redacted_text(endpoint: Endpoint) -> None:
    with load(llm=endpoint.url) as loaded:
        answer = loaded.ask(UNSURE)
    assert answer.source == "cloud"
    assert answer.result is not None
    assert answer.result["text"] == "Angela Merkel was tired."
    [(_, _, body)] = endpoint.requests
    assert "Merkel" not in str(body)


def test_whoever_is_given_as_llm_is_asked_unless_the_policy_forbids() -> None:
    asked: list[Escalation] = []

    def llm(escalation: Escalation) -> Reply:
        asked.append(escalation)
        return Reply(id=escalation.id, text="Because.", model="me")

    with load(llm=llm) as loaded:
        assert loaded.ask(UNSURE).model == "me"
        assert loaded.ask(UNSURE, privacy="local").source == "local"
        assert loaded.ask("turn on the kitchen light").source == "local"
    with load(llm=llm, policy=OwnerPolicy(privacy="local")) as loaded:
        assert loaded.ask(UNSURE, privacy="cloud").source == "local"
    assert len(asked) == 1


def test_the_reading_tasks_answer(assistant: LoadedBundle) -> None:
    assert assistant.tasks == ("ask", "classify", "tag", "embed", "summarize")
    sentiment = assistant.classify("I love it", head="sentiment")
    assert sentiment.result is not None
    assert sentiment.result["label"] == "positive"
    by_meaning = assistant.classify(
        "the stove is too hot", labels={"food": ["cooking", "kitchen"], "sport": "football"}
    )
    assert by_meaning.result is not None
    assert by_meaning.result["label"] == "food"
    tagged = assistant.tag("Angela Merkel went to Paris")
    assert tagged.result is not None
    assert [entity["text"] for entity in tagged.result["entities"]] == ["Angela Merkel", "Paris"]
    summary = assistant.summarize("One is here. Two is there. Three is away.", sentences=1)
    assert summary.result is not None
    assert len(summary.result["sentences"]) == 1


def test_embeddings_are_unit_vectors(assistant: LoadedBundle) -> None:
    one = assistant.embed("turn on the light")
    both = assistant.embed(["turn on the light", "switch the lamp on"])
    assert one.dtype == np.float32
    assert [one.shape, both.shape] == [(384,), (2, 384)]
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-4)
    assert np.array_equal(one, both[0])
    with pytest.raises(BadRequestError, match="at least one"):
        assistant.embed([])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda a: a.generate("a"), "does not generate, but ask, classify, tag"),
        (lambda a: a.generate("a", stream=True), "does not generate"),
        (lambda a: a.chat("a"), "does not chat"),
        (lambda a: a.translate("a"), "does not translate"),
        (lambda a: a.answer("a?", "a"), "does not answer"),
    ],
)
def test_what_a_bundle_cannot_do_is_said_at_once(
    assistant: LoadedBundle, call: Any, says: str
) -> None:
    with pytest.raises(UnsupportedTaskError, match=says):
        call(assistant)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda a: a.ask(" "), "empty"),
        (lambda a: a.ask("a", privacy="none"), "policy: Invalid enum value"),
        (lambda a: a.ask("a", deadline_ms=0), "deadline_ms must be positive"),
        (lambda a: a.classify("a", labels="abc"), "not one text"),
        (lambda a: a.classify("a", labels=["one"]), "give 2 to 256"),
        (lambda a: a.summarize("a", max_tokens=5), "max_tokens is for a bundle that writes"),
    ],
)
def test_a_wrong_argument_is_a_clear_error(assistant: LoadedBundle, call: Any, says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        call(assistant)


def test_a_text_that_is_too_long_is_refused(assistant: LoadedBundle) -> None:
    with pytest.raises(TooLargeError):
        assistant.ask("a" * 100_000)


def test_a_closed_bundle_says_so() -> None:
    with load() as loaded:
        pass
    loaded.close()
    with pytest.raises(BadRequestError, match="is closed"):
        loaded.ask("a")


def test_a_missing_bundle_is_a_file_that_is_not_found() -> None:
    with pytest.raises(BundleNotFoundError, match="no bundle 'nothing'"):
        load("nothing")
    with pytest.raises(FileNotFoundError):
        load(Path("/nowhere/at/all"))


def test_many_threads_get_the_answers_of_one(assistant: LoadedBundle) -> None:
    texts = list(COMMANDS) * 20
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(assistant.ask, texts))
    for text, answer in zip(texts, answers, strict=True):
        assert answer.result is not None
        assert answer.result["intent"] == COMMANDS[text]


def test_the_keywords_are_the_options() -> None:
    options = get_type_hints(GenerationOptions)
    assert get_type_hints(GenerationKeywords) == {
        name: options[name] for name in GenerationOptions.__struct_fields__
    }


def test_all_that_is_promised_can_be_imported() -> None:
    for name in edge_runtime.__all__:
        assert getattr(edge_runtime, name) is not None
        assert name in dir(edge_runtime)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        edge_runtime.nothing  # noqa: B018


@pytest.mark.export
def test_a_prompt_is_continued(writer: LoadedBundle) -> None:
    made = writer.generate("Once", max_tokens=12)
    assert isinstance(made, Generation)
    assert (made.generation_tokens, made.finish_reason) == (12, "length")
    assert writer.generate("Once", max_tokens=50, choice=["yes", "no"]).text in {"yes", "no"}


@pytest.mark.export
def test_a_stream_returns_its_measurements(writer: LoadedBundle) -> None:
    pieces: list[str] = []
    stream = writer.generate("Once", max_tokens=12, stream=True)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            made = end.value
            break
    assert isinstance(made, Generation)
    assert "".join(pieces) == made.text
    assert len(pieces) > 3


@pytest.mark.export
def test_a_chat_takes_a_text_or_messages(writer: LoadedBundle) -> None:
    said = [
        "hello",
        [Message(role="user", content="hello")],
        [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    ]
    made = [writer.chat(each, max_tokens=5) for each in said]  # type: ignore[arg-type]
    assert len({each.prompt_tokens for each in made}) == 1
    assert "".join(writer.chat("hello", max_tokens=5, stream=True))


@pytest.mark.export
def test_tools_are_shown_and_their_calls_are_read(writer: LoadedBundle) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    call = {
        "type": "object",
        "properties": {"name": {"const": "f"}, "arguments": {"const": {}}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
    made = writer.chat("hello", tools=[tool], schema=call)
    assert [each.name for each in made.tool_calls] == ["f"]
    assert made.prompt_tokens > writer.chat("hello", max_tokens=1).prompt_tokens


@pytest.mark.export
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda w: w.generate("a", max_tokens=0), "max_tokens must be 1 or more"),
        (lambda w: w.generate("a", wings=2), "wings"),
        (lambda w: w.generate("a" * 3000), "the model reads"),
        (lambda w: w.chat([]), "no messages"),
        (lambda w: w.chat([{"role": "robot"}]), "messages: Invalid enum value 'robot'"),
        (lambda w: list(w.generate("a" * 3000, stream=True)), "the model reads"),
    ],
)
def test_a_wrong_option_is_a_clear_error(writer: LoadedBundle, call: Any, says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        call(writer)


@pytest.mark.export
def test_between_two_pieces_something_else_may_be_asked(writer: LoadedBundle) -> None:
    stream = writer.generate("Once", max_tokens=60, stream=True)
    first = next(stream)
    other = writer.generate("Another", choice=["yes"])
    assert other.text == "yes"
    assert len(first + "".join(stream)) == 60


@pytest.mark.export
def test_a_stream_that_is_closed_is_written_no_further(writer: LoadedBundle) -> None:
    stream = writer.generate("Once", max_tokens=2000, temperature=1, stream=True)
    next(stream)
    stream.close()
    after = writer.generate("Once", max_tokens=1)
    assert after.generation_tokens == 1


@pytest.mark.export
def test_threads_that_write_do_not_mix(writer: LoadedBundle) -> None:
    words = [f"word {number}" for number in range(12)]

    def write(word: str) -> str:
        stream = writer.generate(word, choice=[f"{word}!"], stream=True)
        return "".join(itertools.chain.from_iterable(stream))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(write, words)) == [f"{word}!" for word in words]


@pytest.mark.export
def test_resources_bound_the_context(
    writer: LoadedBundle, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.http.tiny_writer import tiny_writer

    path = tiny_writer(tmp_path_factory.getbasetemp())
    short = load(path, resources=Resources(max_context=32))
    with short, pytest.raises(BadRequestError, match="the model reads 32"):
        short.generate("a" * 40)
    assert writer.generate("a" * 40, max_tokens=1).prompt_tokens == 40
