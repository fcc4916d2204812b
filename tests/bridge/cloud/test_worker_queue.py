from __future__ import annotations

import json
import secrets
import threading
import time

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.cloud.llm import make_llm
from edge_runtime.bridge.cloud.worker import Worker
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.messages import encode
from tests.bridge.cloud.node_stand_in import Holding, NodeStandIn, escalation
from tests.bridge.harness import DEADLINE_S, Scripted, running_worker, settings, until
from tests.endpoint import Endpoint


def test_one_node_with_a_long_queue_does_not_starve_another(own_broker: Broker) -> None:
    llm = Scripted(holding := Holding())
    with (
        NodeStandIn(own_broker) as greedy,
        NodeStandIn(own_broker, "m") as modest,
        running_worker(own_broker, llm, concurrency=1),
    ):
        greedy.escalate(encode(escalation("first")))
        until(lambda: llm.asked)
        for number in range(4):
            greedy.escalate(encode(escalation(f"greedy {number}")))
        greedy.escalate(b"no json", secrets.token_bytes(16))  # answered behind the others
        greedy.replies()
        # the worker has what it can hold: the newest of the node with most gives way
        modest.escalate(encode(escalation("modest")))
        refused = greedy.replies(2)[1]
        assert refused.error is not None
        assert refused.error.code == "503"
        holding.go.set()
        assert modest.replies()[0].error is None
        greedy.replies(6)
    assert [each.text for each in llm.asked] == [
        "first", "greedy 0", "modest", "greedy 1", "greedy 2",
    ]  # fmt: skip


def test_a_withdrawn_escalation_is_not_asked_or_not_answered(own_broker: Broker) -> None:
    running, waiting, other = (escalation(text) for text in ("running", "waiting", "other"))
    llm = Scripted(holding := Holding())
    with NodeStandIn(own_broker) as node, running_worker(own_broker, llm, concurrency=1):
        node.escalate(encode(running))
        until(lambda: llm.asked)
        node.escalate(encode(waiting))
        node.escalate(encode(other))
        for each in (waiting, running, escalation("never seen")):
            node.cancel(each.id)
        node.escalate(b"no json", correlation := secrets.token_bytes(16))  # behind the cancels
        (refused,) = node.replies()
        assert refused.id == correlation.hex()
        holding.go.set()
        assert node.replies(2)[1].id == other.id
    assert [each.text for each in llm.asked] == ["running", "other"]


def test_only_the_node_that_asked_can_withdraw(own_broker: Broker) -> None:
    asked = escalation()
    llm = Scripted(holding := Holding())
    with (
        NodeStandIn(own_broker) as node,
        NodeStandIn(own_broker, "m") as other,
        running_worker(own_broker, llm),
    ):
        node.escalate(encode(asked))
        until(lambda: llm.asked)
        other.cancel(asked.id)
        other.escalate(encode(escalation("behind the cancel")))
        until(lambda: len(llm.asked) == 2)
        holding.go.set()
        assert node.replies()[0].id == asked.id


@pytest.mark.parametrize("by", ["message", "deadline"])
def test_what_expires_while_it_waits_is_not_asked(own_broker: Broker, by: str) -> None:
    late = msgspec.structs.replace(escalation("late"), deadline_ms=1 if by == "deadline" else None)
    llm = Scripted(holding := Holding())
    with NodeStandIn(own_broker) as node, running_worker(own_broker, llm, concurrency=1):
        node.escalate(encode(escalation("first")))
        until(lambda: llm.asked)
        node.escalate(encode(late), expiry_s=1 if by == "message" else None)
        node.escalate(encode(escalation("last")))
        time.sleep(1.1)
        holding.go.set()
        node.replies(2)
    assert [each.text for each in llm.asked] == ["first", "last"]


def test_an_escalation_that_is_sent_again_still_counts_as_wanted(own_broker: Broker) -> None:
    again = escalation("again")
    llm = Scripted(holding := Holding())
    with NodeStandIn(own_broker) as node, running_worker(own_broker, llm, concurrency=1):
        node.escalate(encode(escalation("first")))
        until(lambda: llm.asked)
        node.escalate(encode(again), expiry_s=1)
        time.sleep(1.1)
        node.escalate(encode(again), expiry_s=60)
        node.escalate(b"no json", secrets.token_bytes(16))
        node.replies()
        holding.go.set()
        node.replies(3)
    assert [each.text for each in llm.asked] == ["first", "again"]


def test_an_answer_that_got_lost_is_not_paid_again(own_broker: Broker) -> None:
    asked = escalation()
    llm = Scripted()
    with NodeStandIn(own_broker) as node, running_worker(own_broker, llm):
        node.escalate(encode(asked))
        node.replies()
        node.escalate(encode(asked))
        first, second = node.replies(2)
        assert first == second
    assert len(llm.asked) == 1


def test_a_retained_escalation_is_nobody_s_question(own_broker: Broker) -> None:
    llm = Scripted()
    with NodeStandIn(own_broker) as node:
        node.connection.publish(
            Message(topic="edge/v1/n/esc/req", payload=encode(escalation("old")), retain=True)
        )
        with running_worker(own_broker, llm, protocol="3.1.1"):  # its subscription is not shared
            node.escalate(encode(escalation("new")))
            node.replies()
    assert [each.text for each in llm.asked] == ["new"]


def test_pieces_come_before_the_whole(own_broker: Broker, endpoint: Endpoint) -> None:
    asked = msgspec.structs.replace(escalation(), stream=True)
    llm = make_llm(endpoint.url, model="tiny", environ={})
    with NodeStandIn(own_broker) as node:
        with running_worker(own_broker, llm):
            node.escalate(encode(asked))
            (reply,) = node.replies()
        kinds = [m.topic.rsplit("/", 1)[1] for m in node.received if "/esc/" in m.topic]
        pieces = [json.loads(m.payload) for m in node.received if m.topic.endswith("/esc/part")]
    llm.close()
    assert kinds == ["part"] * len(pieces) + ["res"]
    assert [(each["id"], each["seq"]) for each in pieces] == [
        (asked.id, number) for number in range(len(pieces))
    ]
    assert "".join(each["delta"] for each in pieces) == reply.text == "<PERSON_1> was tired."


def test_a_worker_that_stops_gives_back_what_waits_and_ends_what_runs(own_broker: Broker) -> None:
    llm = Scripted(holding := Holding())
    with NodeStandIn(own_broker) as node:
        worker = Worker(settings(own_broker), llm, name="w", concurrency=1)
        worker.start(DEADLINE_S)
        running, waiting = escalation("running"), escalation("waiting")
        node.escalate(encode(running))
        until(lambda: llm.asked)
        node.escalate(encode(waiting))
        node.escalate(b"no json", secrets.token_bytes(16))
        node.replies()
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        node.status("offline")
        given_back = node.replies(2)[1]
        assert given_back.id == waiting.id
        assert given_back.error is not None
        assert given_back.error.is_temporary
        holding.go.set()
        answered = node.replies(3)[2]
        assert (answered.id, answered.error) == (running.id, None)
        stopping.join(DEADLINE_S)


def test_a_worker_says_again_that_it_is_there(own_broker: Broker) -> None:
    worker = Worker(settings(own_broker), Scripted(), name="w", announce_s=0.05)
    with NodeStandIn(own_broker) as node:
        worker.start(DEADLINE_S)
        node.wait(lambda m: m.topic == "edge/workers/w/status", 3)
        worker.stop()
        node.status("offline")
        *_, last = node.wait(lambda m: m.topic == "edge/workers/w/status")
        assert json.loads(last.payload)["status"] == "offline"
