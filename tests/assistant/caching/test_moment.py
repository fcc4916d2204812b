from __future__ import annotations

import pytest

from edge_runtime.assistant.caching.moment import is_volatile, names_a_moment
from edge_runtime.routing.keeping import VOLATILE


@pytest.mark.parametrize(
    "text",
    [
        "who won the game last night",
        "what's the latest news",
        "how high is the price of gold",
        "is the pharmacy open",
        "find a bakery near me",
        "Who is the current president?",
        "what happened three days ago",
        "tell me a joke",
    ],
)
def test_words_tell_that_the_answer_will_be_another_one(text: str) -> None:
    assert names_a_moment(text)


@pytest.mark.parametrize(
    "text", ["who wrote Moby Dick", "explain photosynthesis", "what does nowhere mean"]
)
def test_what_is_always_so_names_no_moment(text: str) -> None:
    assert names_a_moment(text) is None


@pytest.mark.parametrize(
    "label",
    ["weather", "weather_query", "time", "datetime_query", "traffic", "transport_traffic",
     "qa_stock", "exchange_rate", "news_query", "calendar_query", "balance", "HassGetState",
     "HassGetWeather", "tell_joke", "flip_coin"],
)  # fmt: skip
def test_intents_and_commands_of_the_moment_are_known(label: str) -> None:
    assert is_volatile(["oos", label], VOLATILE)


@pytest.mark.parametrize(
    "label", ["oos", "qa_factoid", "qa_definition", "definition", "qa_maths", "calories", None]
)
def test_questions_of_knowledge_are_not(label: str | None) -> None:
    assert not is_volatile([label], VOLATILE)
