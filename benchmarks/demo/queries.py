"""What the demo asks, and what kind of answer each query has to get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.messages import Answer

PRIVATE = ("angela.fischer@example.org", "+49 170 1234567")


@dataclass(frozen=True)
class Query:
    """``source`` is where the answer must come from; ``fits`` looks at the rest of it."""

    text: str
    source: str
    task: str = "ask"
    options: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    fits: Callable[[Answer], bool] = lambda answer: answer.status == "ok"


def _result(answer: Answer) -> dict[str, Any]:
    return answer.result or {}


def _labels(answer: Answer) -> set[str]:
    return {entity["label"] for entity in _result(answer)["entities"]}


def _from_cloud(answer: Answer) -> bool:
    return answer.status == "ok" and bool(_result(answer).get("text")) and bool(answer.model)


QUERIES = [
    Query(
        "turn on the kitchen light",
        "local",
        fits=lambda a: _result(a)["intent"] == "HassTurnOn" and a.guarantee is not None,
    ),
    Query(
        "Set the bedroom lamp to 50 percent",
        "local",
        fits=lambda a: _result(a)["intent"] == "HassLightSet" and a.guarantee is not None,
    ),
    Query(
        "what is the balance of my savings account",
        "local",
        fits=lambda a: _result(a)["intent"] == "balance",
    ),
    Query(
        "The battery died after two days and support never answered. Very disappointing.",
        "local",
        task="classify",
        options={"head": "sentiment"},
        fits=lambda a: _result(a)["label"] == "negative",
    ),
    Query(
        "Angela Merkel met Emmanuel Macron at the embassy in Berlin.",
        "local",
        task="tag",
        fits=lambda a: {"PERSON", "LOCATION"} <= _labels(a),
    ),
    Query(
        "The James Webb Space Telescope was launched in December 2021. It observes the sky in the "
        "infrared, where dust is transparent. Its mirror has 18 segments of gold-plated beryllium. "
        "The launch had been delayed many times. From its orbit around the point L2 the telescope "
        "has shown galaxies that formed soon after the beginning of the universe.",
        "local",
        task="summarize",
        options={"sentences": 2},
        fits=lambda a: len(_result(a)["sentences"]) == 2 and _result(a)["of"] == 5,  # noqa: PLR2004
    ),
    Query("who wrote the novel Moby Dick?", "cloud", fits=_from_cloud),
    Query("Explain how photosynthesis works in two sentences.", "cloud", fits=_from_cloud),
    Query(
        f"Write a poem for Angela Fischer, whose address is {PRIVATE[0]} and number {PRIVATE[1]}",
        "cloud",
        fits=lambda a: _from_cloud(a) and {"EMAIL:1", "PHONE:1"} <= set(a.redacted),
    ),
    Query(
        "how many moons does the planet Jupiter have",
        "local",
        policy={"privacy": "local"},
        fits=lambda a: a.status == "ok" and a.guarantee is None,
    ),
]

# sent while the worker is stopped
QUEUED = Query("why did the Roman empire fall?", "cloud", fits=_from_cloud)
