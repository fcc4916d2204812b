from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bridge.cloud.llm import make_llm
from edge_runtime.bridge.cloud.remote import ask_workers
from edge_runtime.bridge.cloud.worker import Worker
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import ConfigError, ExpiredError, UnavailableError
from edge_runtime.messages import ErrorInfo, Escalation, Reply, encode
from tests.bridge.cloud.node_stand_in import NodeStandIn, escalation
from tests.bridge.harness import DEADLINE_S, Scripted, running_worker, settings, until


def test_a_worker_answers_says_that_it_is_there_and_says_goodbye(own_broker: Broker) -> None:
    asked = escalation()
    with NodeStandIn(own_broker) as node:
        with running_worker(own_broker, Scripted()):
            status = node.status("online")
            assert status["llm"] == "scripted"
            assert status["price_usd_per_million"] == {"prompt": 1.0, "generation": 2.0}
            node.escalate(encode(asked), bytes.fromhex(asked.id))
            (reply,) = node.replies()
            assert (reply.id, reply.text) == (asked.id, "because why?")
            (message,) = node.wait(lambda m: m.topic.endswith("/esc/res"))
            assert message.correlation == bytes.fromhex(asked.id)
        node.status("offline")


@pytest.mark.parametrize(
    "payload", [b"", b"not json", b"[]", b'{"id": 5}', b'{"id":"not hex","text":"x"}']
)
def test_what_is_no_escalation_is_refused_and_the_worker_goes_on(
    own_broker: Broker, payload: bytes
) -> None:
    correlation = secrets.token_bytes(16)
    with NodeStandIn(own_broker) as node, running_worker(own_broker, Scripted()):
        node.escalate(payload)
        node.escalate(payload, correlation)
        (reply,) = node.replies()
        assert reply.id == correlation.hex()
        assert reply.error is not None
        assert reply.error.code == "400"
        node.escalate(encode(escalation()))
        assert node.replies(2)[1].text == "because why?"


def test_a_busy_worker_says_so_and_asks_for_a_pause(own_broker: Broker) -> None:
    go, asked = threading.Event(), escalation()

    def slow(e: Escalation) -> Reply:
        go.wait(DEADLINE_S)
        return Reply(id=e.id, text="done")

    llm = Scripted(slow)
    with NodeStandIn(own_broker) as node, running_worker(own_broker, llm, concurrency=1):
        node.escalate(encode(asked))
        until(lambda: llm.asked)
        # what is under way already is not begun twice
        node.escalate(encode(asked))
        for _ in range(6):
            node.escalate(encode(escalation()))
        busy = node.replies(2)
        assert [reply.error and reply.error.code for reply in busy] == ["503", "503"]
        assert all(reply.error and reply.error.retry_after_s for reply in busy)
        go.set()
        assert len(node.replies(7)) == 7
    assert [e.id for e in llm.asked].count(asked.id) == 1


def test_a_worker_name_that_is_not_valid_is_refused(own_broker: Broker) -> None:
    with pytest.raises(ConfigError, match="worker name"):
        Worker(settings(own_broker), Scripted(), name="a b")


def test_a_command_can_ask_without_a_node(own_broker: Broker) -> None:
    asked = escalation("why <PERSON_1>?")
    with running_worker(own_broker, make_llm("inspect")):
        reply = ask_workers(settings(own_broker), "n", asked, DEADLINE_S)
    assert reply.id == asked.id
    assert "why <PERSON_1>?" in reply.text


def test_a_command_gets_the_errors_of_the_model(own_broker: Broker) -> None:
    denied = ErrorInfo("403", "llm_denied", "no")
    with running_worker(own_broker, Scripted(lambda e: Reply(id=e.id, error=denied))):
        assert ask_workers(settings(own_broker), "n", escalation(), DEADLINE_S).error == denied


def test_a_command_without_a_worker_fails_clearly(own_broker: Broker) -> None:
    with pytest.raises(UnavailableError, match="no worker is online"):
        ask_workers(settings(own_broker), "n", escalation(), DEADLINE_S)


def test_a_command_notices_a_worker_that_only_seems_to_be_there(own_broker: Broker) -> None:
    with NodeStandIn(own_broker) as node:
        node.connection.publish(
            Message(topic="edge/workers/ghost/status", payload=b'{"status":"online"}', retain=True)
        )
        node.status("online")
        with pytest.raises(UnavailableError, match="no worker is online any more"):
            ask_workers(settings(own_broker), "n", escalation(), DEADLINE_S)


def test_a_command_does_not_wait_for_ever(own_broker: Broker) -> None:
    go = threading.Event()

    def silent(e: Escalation) -> Reply:
        go.wait(DEADLINE_S)
        return Reply(id=e.id)

    script: Callable[[Escalation], Reply] = silent
    with running_worker(own_broker, Scripted(script)):
        with pytest.raises(ExpiredError, match="1 s"):
            ask_workers(settings(own_broker), "n", escalation(), 1.0)
        go.set()


def test_a_command_without_a_broker_fails_clearly(own_broker: Broker) -> None:
    own_broker.stop()
    with pytest.raises(UnavailableError, match="broker"):
        ask_workers(settings(own_broker), "n", escalation(), 0.5)


def test_on_mqtt_3_1_1_a_worker_works_without_shared_subscriptions() -> None:
    with broker("amqtt") as old, running_worker(old, make_llm("inspect")):
        assert ask_workers(settings(old), "n", escalation(), DEADLINE_S).model == "inspect"
