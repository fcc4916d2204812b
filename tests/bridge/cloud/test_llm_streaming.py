from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from edge_runtime.bridge.cloud.llm import StreamingLlm, make_llm
from edge_runtime.bridge.cloud.written import Price
from edge_runtime.messages import MAX_TEXT_BYTES, Escalation, Reply
from tests.endpoint import Endpoint

ID = "ab" * 16
ASKED = Escalation(id=ID, text="Why did <PERSON_1> leave?", stream=True)


@pytest.fixture
def llm(endpoint: Endpoint) -> Iterator[StreamingLlm]:
    made = make_llm(endpoint.url, model="tiny", environ={}, price=Price(1.0, 10.0), timeout_s=5.0)
    assert isinstance(made, StreamingLlm)
    yield made
    made.close()


class Taken:
    def __init__(self, most: int = 1_000_000) -> None:
        self.pieces: list[str] = []
        self.got = threading.Event()
        self._most = most

    def __call__(self, piece: str) -> bool:
        self.pieces.append(piece)
        self.got.set()
        return len(self.pieces) < self._most


def code(reply: Reply) -> str | None:
    return None if reply.error is None else reply.error.code


def test_pieces_come_while_it_writes_and_the_whole_at_the_end(
    endpoint: Endpoint, llm: StreamingLlm
) -> None:
    endpoint.piece_go = threading.Semaphore(1)
    taken, replies = Taken(), list[Reply]()
    thread = threading.Thread(target=lambda: replies.append(llm.stream(ASKED, taken)))
    thread.start()
    assert taken.got.wait(10)
    assert taken.pieces == ["<PERS"]
    assert replies == []
    endpoint.piece_go.release(100)
    thread.join(10)
    (reply,) = replies
    assert taken.pieces == endpoint.pieces
    assert (reply.text, reply.finish_reason, reply.model) == (
        "<PERSON_1> was tired.", "stop", "tiny-1",
    )  # fmt: skip
    assert (reply.prompt_tokens, reply.generation_tokens) == (100, 10)
    assert reply.cost_usd == pytest.approx(0.0002)
    body = endpoint.requests[0][2]
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_tokens_that_nobody_counted_are_estimated_so_that_a_budget_holds(
    endpoint: Endpoint, llm: StreamingLlm
) -> None:
    endpoint.counts = False
    reply = llm.stream(ASKED, Taken())
    assert reply.error is None
    assert reply.prompt_tokens > 50
    assert reply.generation_tokens == pytest.approx(5, abs=1)
    assert reply.cost_usd > 0


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_cut_stream_is_no_answer_and_what_it_cost_is_told(
    endpoint: Endpoint, llm: StreamingLlm, cut: int
) -> None:
    endpoint.cut = cut
    taken = Taken()
    reply = llm.stream(ASKED, taken)
    assert code(reply) == "503"
    assert reply.text == ""
    assert taken.pieces == endpoint.pieces[:cut]
    assert reply.cost_usd > 0


def test_whoever_wants_no_more_ends_the_call(endpoint: Endpoint, llm: StreamingLlm) -> None:
    endpoint.pieces = ["x"] * 1000
    endpoint.piece_go = threading.Semaphore(5)
    reply = llm.stream(ASKED, Taken(most=3))
    assert code(reply) == "499"
    assert 0 < reply.generation_tokens < 10
    endpoint.piece_go.release(2000)


def test_a_stream_that_drips_ends_at_the_deadline(endpoint: Endpoint, llm: StreamingLlm) -> None:
    endpoint.pieces = ["x"] * 1000
    endpoint.piece_go = threading.Semaphore(0)
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.05):
            endpoint.piece_go.release()

    thread = threading.Thread(target=drip)
    thread.start()
    reply = llm.stream(Escalation(id=ID, text="why?", stream=True, deadline_ms=300), Taken())
    stop.set()
    thread.join()
    endpoint.piece_go.release(2000)
    assert code(reply) == "503"
    assert reply.error is not None
    assert "in time" in reply.error.message


def test_an_answer_without_end_is_stopped_and_not_asked_for_again(
    endpoint: Endpoint, llm: StreamingLlm
) -> None:
    endpoint.pieces = ["x" * 10_000] * 1000
    taken = Taken()
    reply = llm.stream(ASKED, taken)
    assert code(reply) == "413"
    assert sum(map(len, taken.pieces)) < MAX_TEXT_BYTES + 20_000


@pytest.mark.parametrize(("status", "expected"), [(429, "429"), (500, "503"), (404, "400")])
def test_what_an_endpoint_refuses_is_told_as_without_a_stream(
    endpoint: Endpoint, llm: StreamingLlm, status: int, expected: str
) -> None:
    endpoint.status = status
    endpoint.body = b"{}"
    taken = Taken()
    assert code(llm.stream(ASKED, taken)) == expected
    assert taken.pieces == []


def test_a_call_over_the_limit_is_not_made(endpoint: Endpoint, llm: StreamingLlm) -> None:
    reply = llm.stream(Escalation(id=ID, text="why?", max_cost_usd=0.0), Taken())
    assert reply.error is not None
    assert reply.error.type == "budget"
    assert endpoint.requests == []
