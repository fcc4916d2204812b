from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.dashboard import fleet as fleet_module
from edge_runtime.dashboard.fleet import FILTERS, MOST_EVENTS, MOST_NODES, MOST_SAMPLES, Fleet
from edge_runtime.dashboard.queries import MOST_QUERIES, Query
from edge_runtime.dashboard.records import Event, Key, NodeRecord, WorkerRecord
from edge_runtime.messages import ErrorInfo
from tests.dashboard.saying import INFO, answer, health, said

NODE: Key = ("node", "kitchen")
_Found = TypeVar("_Found")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fleet(clock: Clock) -> Fleet:
    return Fleet(clock, texts=False)


def record(fleet: Fleet, key: Key, kind: type[_Found], *, texts: bool = False) -> _Found:
    found = fleet.record(key, texts=texts)
    assert isinstance(found, kind)
    return found


def only_query(fleet: Fleet, *, texts: bool = False) -> Query:
    (key,) = [key for key in fleet.all_keys() if key[0] == "query"]
    return record(fleet, key, Query, texts=texts)


def ask(fleet: Fleet, request_id: str = "q1", client: str = "panel", **more: Any) -> list[Key]:
    body = {"v": 1, "id": request_id, "text": "call Ada at 555 0199"}
    return fleet.fold(said(f"edge/v1/kitchen/req/ask/{client}", body, **more))


def test_a_node_is_what_its_retained_messages_say(fleet: Fleet, clock: Clock) -> None:
    assert fleet.fold(said("edge/v1/kitchen/status", b"online")) == [NODE]
    clock.time = 1010.0
    fleet.fold(said("edge/v1/kitchen/status", b"online", retain=True))
    fleet.fold(said("edge/v1/kitchen/info", INFO))
    fleet.fold(said("edge/v1/kitchen/policy/state", {"v": 1, "version": 3,
               "policy": {"privacy": "local"}, "error": None, "source": "set"}))  # fmt: skip
    node = record(fleet, NODE, NodeRecord)
    assert (node.status, node.since) == ("online", 1000.0)
    assert node.info is not None
    assert node.info.calibration["intent"].threshold == 0.81
    assert node.policy is not None
    assert (node.policy.version, node.policy.policy) == (3, {"privacy": "local"})


def test_a_will_makes_a_node_offline_and_an_empty_status_forgets_it(fleet: Fleet) -> None:
    fleet.fold(said("edge/v1/kitchen/status", b"online"))
    fleet.fold(said("edge/v1/kitchen/status", b"offline"))
    assert record(fleet, NODE, NodeRecord).status == "offline"
    assert fleet.fold(said("edge/v1/kitchen/status")) == [NODE]
    assert fleet.record(NODE, texts=False) is None


def test_without_a_broker_nobody_is_known_to_be_online(fleet: Fleet) -> None:
    fleet.fold(said("edge/v1/kitchen/status", b"online"))
    fleet.fold(said("edge/workers/w/status", {"status": "online", "llm": "large"}))
    assert set(fleet.lost()) == {NODE, ("worker", "w")}
    assert record(fleet, NODE, NodeRecord).status == "unknown"
    worker = record(fleet, ("worker", "w"), WorkerRecord)
    assert (worker.status, worker.said.llm) == ("unknown", "large")


def test_health_becomes_a_line_over_time(fleet: Fleet, clock: Clock) -> None:
    for number in range(MOST_SAMPLES + 3):
        clock.time = 1000.0 + 30 * number
        fleet.fold(said("edge/v1/kitchen/health", health(number, dropped=number // 2)))
    samples = fleet.samples()["kitchen"]
    assert len(samples) == MOST_SAMPLES
    assert samples[-1] == (clock.time, MOST_SAMPLES + 2, 2, (MOST_SAMPLES + 2) // 2)
    node = record(fleet, NODE, NodeRecord)
    assert node.health is not None
    assert node.health.latency["ask"].p95_ms == 9.0
    assert node.health_at == clock.time


def test_a_report_that_is_not_as_agreed_changes_nothing(fleet: Fleet) -> None:
    fleet.fold(said("edge/v1/kitchen/health", health(3)))
    for wrong in (b"", b"{", b"[]", b'{"queue":{"requests":"many"}}', b"\xff", b" " * 70_000):
        assert fleet.fold(said("edge/v1/kitchen/health", wrong)) == []
    node = record(fleet, NODE, NodeRecord)
    assert node.health is not None
    assert node.health.queue.requests == 3


def test_a_worker_shows_its_llm_and_price_until_it_is_removed(fleet: Fleet) -> None:
    key: Key = ("worker", "gpu-1")
    price = {"prompt": 0.4, "generation": 1.6}
    status = {"v": 1, "status": "online", "llm": "large", "price_usd_per_million": price}
    assert fleet.fold(said("edge/workers/gpu-1/status", status)) == [key]
    worker = record(fleet, key, WorkerRecord)
    assert worker.said.price_usd_per_million is not None
    assert worker.said.price_usd_per_million.generation == 1.6
    assert fleet.fold(said("edge/workers/gpu-1/status")) == [key]
    assert fleet.record(key, texts=True) is None


def test_a_query_is_one_record_from_request_to_answer(fleet: Fleet, clock: Clock) -> None:
    (key,) = ask(fleet)
    assert record(fleet, key, Query).state == "asked"
    fleet.fold(said("edge/v1/kitchen/evt/escalated", {"v": 1, "id": "q1", "client": "panel"}))
    assert record(fleet, key, Query).state == "escalated"
    queued = answer("q1", status="queued", confidence=0.4, guarantee=None)
    fleet.fold(said("edge/v1/kitchen/res/panel", queued))
    assert record(fleet, key, Query).state == "queued"
    clock.time = 1002.0
    final = answer("q1", source="cloud", cost_usd=0.002)
    assert fleet.fold(said("edge/v1/kitchen/res/panel", final)) == [key]
    query = only_query(fleet)
    assert (query.state, query.source, query.code) == ("answered", "cloud", "200")
    assert (query.at, query.node, query.client) == (1000.0, "kitchen", "panel")
    assert (query.cost_usd, query.redacted, query.ms, query.alpha) == (0.002, 3, 5.0, 0.05)


def test_an_answer_on_a_topic_of_the_clients_own_finds_its_query(fleet: Fleet) -> None:
    (key,) = ask(fleet)
    assert fleet.fold(said("edge/clients/panel/answers", answer("q1"))) == [key]
    assert record(fleet, key, Query).node == "kitchen"


def test_an_answer_is_shown_where_the_request_may_not_be_read(fleet: Fleet) -> None:
    error = ErrorInfo("408", "expired", "no answer to 'call Ada' within 5 ms")
    fleet.fold(said("edge/v1/kitchen/res/panel", answer("q9", status="error", error=error)))
    query = only_query(fleet)
    assert (query.state, query.code, query.error) == ("failed", "408", "expired")
    assert query.node == "kitchen"


def test_a_request_that_is_sent_again_is_the_same_query(fleet: Fleet) -> None:
    assert ask(fleet) == ask(fleet)
    assert only_query(fleet).repeats == 1


def test_the_same_id_of_two_clients_is_two_queries(fleet: Fleet) -> None:
    assert ask(fleet, client="panel") != ask(fleet, client="phone")


def test_streamed_pieces_are_not_looked_at(fleet: Fleet) -> None:
    ask(fleet)
    piece = {"id": "q1", "seq": 0, "delta": "Ada"}
    assert fleet.fold(said("edge/v1/kitchen/res/panel/part", piece)) == []


def everything(fleet: Fleet, *, texts: bool) -> str:
    return json.dumps(
        [msgspec.to_builtins(fleet.record(key, texts=texts)) for key in fleet.all_keys()]
    )


def say_private_things(fleet: Fleet) -> None:
    ask(fleet)
    error = ErrorInfo("400", "bad_request", "Ada is not a number")
    fleet.fold(said("edge/v1/kitchen/res/panel", answer("q1", result={"text": "calling Ada"},
               reason=["rule 'Ada' matches"])))  # fmt: skip
    fleet.fold(said("edge/v1/kitchen/res/panel", answer("q2", status="error", error=error)))
    command = {"v": 1, "client": "panel", "intent": "call", "slots": {"who": "Ada"},
               "speech": "calling Ada"}  # fmt: skip
    fleet.fold(said("edge/v1/kitchen/evt/command", command))


def test_without_texts_nothing_that_people_wrote_is_kept(clock: Clock) -> None:
    fleet = Fleet(clock, texts=False)
    say_private_things(fleet)
    assert "Ada" not in everything(fleet, texts=True)


def test_with_texts_only_the_page_that_asks_for_them_gets_them(clock: Clock) -> None:
    fleet = Fleet(clock, texts=True)
    say_private_things(fleet)
    assert "Ada" not in everything(fleet, texts=False)
    shown = everything(fleet, texts=True)
    for text in ("call Ada at 555 0199", "calling Ada", "rule 'Ada' matches", "not a number"):
        assert text in shown


def test_an_event_keeps_its_facts(fleet: Fleet) -> None:
    fleet.fold(said("edge/v1/kitchen/evt/dropped", {"v": 1, "reason": "ttl", "count": 2}))
    (key,) = fleet.all_keys()
    event = record(fleet, key, Event)
    assert (event.kind, event.node, event.detail) == ("dropped", "kitchen", "reason=ttl count=2")


def test_however_many_there_are_the_last_ones_are_kept(fleet: Fleet) -> None:
    for number in range(max(MOST_NODES, MOST_QUERIES, MOST_EVENTS) * 2):
        fleet.fold(said(f"edge/v1/n{number}/status", b"online"))
        fleet.fold(said(f"edge/v1/n{number}/health", health()))
        fleet.fold(said(f"edge/workers/w{number}/status", {"status": "online"}))
        ask(fleet, f"q{number}")
        fleet.fold(said("edge/v1/n0/evt/drift", {"v": 1}))
    count = Counter(kind for kind, _name in fleet.all_keys())
    assert count == {"node": MOST_NODES, "worker": fleet_module.MOST_WORKERS,
                     "query": MOST_QUERIES, "event": MOST_EVENTS}  # fmt: skip
    assert len(fleet.samples()) <= MOST_NODES
    assert len(fleet._queries._latest) == MOST_QUERIES  # noqa: SLF001 - it is memory all the same


def test_a_node_that_speaks_stays_when_others_come(fleet: Fleet) -> None:
    fleet.fold(said("edge/v1/kitchen/status", b"online"))
    for number in range(MOST_NODES + 50):
        fleet.fold(said(f"edge/v1/n{number}/status", b"online"))
        fleet.fold(said("edge/v1/kitchen/health", health()))
    assert record(fleet, NODE, NodeRecord).status == "online"


@pytest.mark.parametrize(
    "topic",
    ["edge/v1/kitchen", "edge/v1/kitchen garden/status", "edge/v1/kitchen/req/ask/a b",
     f"edge/v1/{'n' * 65}/status", "edge/workers/a b/status", "other/kitchen/status",
     "x/edge/v1/kitchen/status"],
)  # fmt: skip
def test_names_and_topics_that_are_not_of_the_protocol_are_passed_over(
    fleet: Fleet, topic: str
) -> None:
    assert fleet.fold(said(topic, b"online")) == []
    assert fleet.all_keys() == []


def test_an_id_that_is_too_long_is_passed_over(fleet: Fleet) -> None:
    assert ask(fleet, "q" * 257) == []


LEVELS = (
    "edge v1 kitchen status health info policy state evt req res ask panel workers clients part"
)
levels = st.sampled_from([*LEVELS.split(), ""])
topics = st.one_of(
    st.lists(levels, max_size=6).map("/".join),
    st.sampled_from([name.replace("+", "panel").replace("#", "panel") for name in FILTERS]),
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "text", "v", "status", "task", "queue", "requests", "redacted",
                         "reason", "policy", "ms", "error", "x"]), inner, max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip
payloads = st.one_of(
    st.binary(max_size=30),
    documents.map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda redacted: msgspec.json.encode(answer("q", redacted=redacted)),
        st.lists(st.text(max_size=8) | st.just("A:" + "9" * 5000), max_size=3),
    ),
)


@given(st.lists(st.tuples(topics, payloads), max_size=8), st.binary(max_size=8))
def test_nothing_that_anybody_publishes_breaks_it(
    messages: list[tuple[str, bytes]], correlation: bytes
) -> None:
    fleet = Fleet(lambda: 0.0, texts=True)
    show: Callable[[Key], object] = lambda key: fleet.record(key, texts=True)  # noqa: E731
    for topic, payload in messages:
        for key in fleet.fold(Message(topic=topic, payload=payload, correlation=correlation)):
            msgspec.json.encode(show(key))
