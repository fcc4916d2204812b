"""A cheap and a strong model: which is asked for what."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.cloud.llm import StreamingLlm, Take
from edge_runtime.bridge.cloud.llm_errors import budget
from edge_runtime.bridge.cloud.two_models import TwoModels
from edge_runtime.bridge.cloud.written import Price
from edge_runtime.messages import Context, ErrorInfo, Escalation, Reply, encode
from tests.bridge.cloud.node_stand_in import NodeStandIn
from tests.bridge.cloud.test_worker_processes import online, worker
from tests.endpoint import Endpoint


class Scripted:
    """Answers with its name; refuses what may cost less than its price."""

    def __init__(self, name: str, price_usd: float) -> None:
        self.name = name
        self.price = Price(price_usd, price_usd)
        self.is_open = True

    def __call__(self, escalation: Escalation) -> Reply:
        error: ErrorInfo | None = None
        limit_usd = escalation.max_cost_usd
        if limit_usd is not None and limit_usd < self.price.prompt_usd:
            error = budget("too dear")
        return Reply(id=escalation.id, text="" if error else self.name, error=error)

    def close(self) -> None:
        self.is_open = False


class Streaming(Scripted):
    def stream(self, escalation: Escalation, take: Take) -> Reply:
        reply = self(escalation)
        take(reply.text)
        return reply


def escalation(
    difficulty: float | None, *, strong: bool | None = None, max_cost_usd: float | None = None
) -> Escalation:
    return Escalation(
        id="ab" * 16, text="why", context=Context(difficulty=difficulty), strong=strong,
        max_cost_usd=max_cost_usd,
    )  # fmt: skip


def models(kind: Callable[[str, float], Scripted] = Scripted) -> TwoModels:
    return TwoModels(kind("small", 1.0), kind("large", 10.0), strong_above=0.6)


@pytest.mark.parametrize(
    ("asked", "takes"),
    [
        (escalation(0.59), "small"),
        (escalation(0.6), "large"),
        (escalation(None), "large"),
        (escalation(0.1, strong=True), "large"),
        (escalation(0.9, strong=False), "small"),
    ],
)
@pytest.mark.parametrize("kind", [Scripted, Streaming])
def test_difficulty_chooses_and_the_owner_comes_first(
    asked: Escalation, takes: str, kind: Callable[[str, float], Scripted]
) -> None:
    both = models(kind)
    assert both(asked).text == takes
    pieces: list[str] = []

    def take(piece: str) -> bool:
        pieces.append(piece)
        return True

    assert both.stream(asked, take).text == takes
    assert pieces == ([takes] if kind is Streaming else [])


def test_what_would_be_too_dear_of_the_strong_one_is_asked_of_the_cheap_one() -> None:
    assert models()(escalation(0.9, max_cost_usd=5.0)).text == "small"
    refused = models()(escalation(0.9, max_cost_usd=0.5))
    assert refused.error is not None
    assert refused.error.type == "budget"


def test_it_says_who_is_asked_and_what_an_answer_costs_at_most() -> None:
    both = models()
    assert isinstance(both, StreamingLlm)
    assert (both.name, both.price) == ("small | large", Price(10.0, 10.0))


def test_both_are_closed() -> None:
    cheap, strong = Scripted("small", 1.0), Scripted("large", 10.0)
    TwoModels(cheap, strong).close()
    assert not cheap.is_open
    assert not strong.is_open


def test_a_worker_asks_the_model_that_its_options_name(
    own_broker: Broker, tmp_path: Path, endpoint: Endpoint
) -> None:
    options = ("--model", "small", "--strong-model", "large", "--strong-above", "0.6")
    with (
        NodeStandIn(own_broker) as node,
        worker(own_broker, "w", tmp_path, *options, llm=endpoint.url),
    ):
        online(node, "w")
        for text, difficulty in (("easy", 0.5), ("hard", 0.7)):
            asked = Escalation(
                id=secrets.token_hex(16), text=text, context=Context(difficulty=difficulty)
            )
            node.escalate(encode(asked))
        assert len(node.replies(2)) == 2
    models = {body["messages"][-1]["content"]: body["model"] for _, _, body in endpoint.requests}
    assert models == {"easy": "small", "hard": "large"}
