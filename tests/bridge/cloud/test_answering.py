from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.bridge.cloud.answering import Answering
from edge_runtime.bridge.cloud.asked import Asked
from edge_runtime.bridge.cloud.budget import NodeAccounts, NodeBudgets
from edge_runtime.bridge.cloud.llm import make_llm
from edge_runtime.bridge.cloud.pause import EndpointPause
from edge_runtime.bridge.cloud.spend import SpendBook
from edge_runtime.bridge.cloud.written import Price
from edge_runtime.messages import Escalation, Reply
from edge_runtime.routing.budget import ClientBudget, Limits
from tests.endpoint import Endpoint

ID = "ab" * 16


class Desk:
    """An `Answering` at the endpoint, with a clock and all that it keeps."""

    def __init__(self, endpoint: Endpoint, directory: Path, **budgets: ClientBudget) -> None:
        self.now = 1000.0
        self.parts: list[tuple[int, str]] = []
        self.spend = SpendBook(directory / "spend.db")
        self._llm = make_llm(endpoint.url, model="tiny", environ={}, price=Price(1.0, 10.0))
        self.answering = Answering(
            self._llm,
            accounts=NodeAccounts(NodeBudgets(nodes=budgets), Ledger(directory / "budget.db")),
            spend=self.spend,
            pause=EndpointPause(lambda: self.now, lambda: 0.0),
            now=lambda: self.now,
        )

    def ask(self, node: str = "n", expires: float | None = None, **fields: object) -> Reply | None:
        escalation = Escalation(id=ID, text="why?", **fields)  # type: ignore[arg-type]
        return self.answer(Asked(node, escalation, expires))

    def answer(self, asked: Asked) -> Reply | None:
        return self.answering.answer(asked, lambda *part: self.parts.append(part))

    def close(self) -> None:
        self._llm.close()


@pytest.fixture
def desk(endpoint: Endpoint, tmp_path: Path) -> Callable[..., Desk]:
    return lambda **budgets: Desk(endpoint, tmp_path, **budgets)


def code(reply: Reply | None) -> str | None:
    assert reply is not None
    return None if reply.error is None else reply.error.code


def test_what_is_paid_is_on_record_by_node_and_model(desk: Callable[..., Desk]) -> None:
    at = desk()
    assert code(at.ask("a")) is None
    assert code(at.ask("b")) is None
    rows = [(each.node, each.model, each.calls, each.cost_usd) for each in at.spend.sums()]
    assert rows == [("a", "tiny-1", 1, 0.0002), ("b", "tiny-1", 1, 0.0002)]
    at.close()


def test_what_nobody_waits_for_is_not_asked(endpoint: Endpoint, desk: Callable[..., Desk]) -> None:
    at = desk()
    assert at.ask(expires=1000.0) is None
    withdrawn = Asked("n", Escalation(id=ID, text="why?"))
    withdrawn.cancelled.set()
    assert at.answer(withdrawn) is None
    assert endpoint.requests == []
    assert at.spend.sums() == []
    assert code(at.ask(expires=1000.1)) is None
    at.close()


def test_when_the_endpoint_asks_for_patience_nobody_asks_it(
    endpoint: Endpoint, desk: Callable[..., Desk]
) -> None:
    at = desk()
    endpoint.status, endpoint.headers = 429, {"Retry-After": "30"}
    first = at.ask("a")
    assert code(first) == "429"
    endpoint.status, endpoint.headers = 200, {}
    at.now += 10
    other = at.ask("b")
    assert code(other) == "429"
    assert other is not None
    assert other.error is not None
    assert other.error.retry_after_s == 20.0
    assert len(endpoint.requests) == 1
    at.now += 20
    assert code(at.ask("b")) is None
    at.close()


def test_an_overloaded_endpoint_is_one_that_says_when(
    endpoint: Endpoint, desk: Callable[..., Desk]
) -> None:
    at = desk()
    endpoint.status = 503
    for _ in range(2):
        assert code(at.ask()) == "503"
    assert len(endpoint.requests) == 2  # nothing was said: each call is one of its own
    endpoint.headers = {"Retry-After": "9"}
    for _ in range(2):
        assert code(at.ask()) == "503"
    assert len(endpoint.requests) == 3
    at.close()


def test_a_node_over_its_budget_is_refused_and_the_others_are_not(
    endpoint: Endpoint, desk: Callable[..., Desk]
) -> None:
    at = desk(poor=ClientBudget(day=Limits(requests=1)))
    assert code(at.ask("poor")) is None
    refused = at.ask("poor")
    assert code(refused) == "429"
    assert refused is not None
    assert refused.error is not None
    assert refused.error.type == "budget"
    assert code(at.ask("rich")) is None
    assert len(endpoint.requests) == 2
    at.close()


def test_money_left_is_a_limit_for_the_call(endpoint: Endpoint, desk: Callable[..., Desk]) -> None:
    # 512 tokens of an answer may cost 0.005 USD
    at = desk(poor=ClientBudget(day=Limits(cost_usd=0.001)))
    assert code(at.ask("poor")) == "429"
    assert endpoint.requests == []
    at.close()


def test_pieces_are_sent_where_they_are_asked_for(
    endpoint: Endpoint, desk: Callable[..., Desk]
) -> None:
    at = desk()
    reply = at.ask()
    assert reply is not None
    assert at.parts == []
    endpoint.requests.clear()
    reply = at.ask(stream=True)
    assert reply is not None
    assert endpoint.requests[0][2]["stream"] is True
    assert [seq for seq, _ in at.parts] == list(range(len(at.parts)))
    assert "".join(delta for _, delta in at.parts) == reply.text == "<PERSON_1> was tired."
    at.close()


def test_a_model_that_cannot_stream_answers_whole() -> None:
    parts: list[tuple[int, str]] = []
    answering = Answering(make_llm("inspect"))
    asked = Asked("n", Escalation(id=ID, text="why?", stream=True))
    reply = answering.answer(asked, lambda *part: parts.append(part))
    assert reply is not None
    assert "why?" in reply.text
    assert parts == []


def test_a_withdrawn_stream_ends_and_what_it_cost_is_on_record(
    endpoint: Endpoint, desk: Callable[..., Desk]
) -> None:
    at = desk()
    endpoint.pieces = ["x"] * 100
    asked = Asked("n", Escalation(id=ID, text="why?", stream=True))

    assert at.answering.answer(asked, lambda *_: asked.cancelled.set()) is None
    (row,) = at.spend.sums()
    assert (row.calls, row.failed) == (1, 1)
    assert 0 < row.generation_tokens < 10
    at.close()


def test_an_answer_that_was_paid_is_delivered_whatever_the_disk_does(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spend.db").write_bytes(b"not a database, and not empty either" * 100)
    at = Desk(endpoint, tmp_path)
    with caplog.at_level(logging.ERROR):
        assert code(at.ask()) is None
    assert "0.000200 USD, 110 tokens are not on record" in caplog.text
    at.close()
