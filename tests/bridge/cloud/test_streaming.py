"""From the option `stream` of a request to pieces and the whole answer: node, worker, endpoint."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec

from benchmarks.broker import Broker
from edge_runtime.bridge.cloud.llm import make_llm
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import Part, ReplyPart, reply_part_message
from edge_runtime.bridge.protocol.topics import NodeTopics, node_of_cancel
from edge_runtime.messages import Request, encode
from tests.bridge.harness import App, running_node, running_worker, status_of, until
from tests.endpoint import Endpoint

STREAMED = Request(text="why did Ada leave?", options={"stream": True})


def parts(app: App, correlation: bytes, number: int = 1) -> list[Part]:
    def fits(message: Message) -> bool:
        return message.topic.endswith("/part") and message.correlation == correlation

    return [msgspec.json.decode(each.payload, type=Part) for each in app.wait(fits, number)]


def final(app: App, correlation: bytes) -> Message:
    def fits(message: Message) -> bool:
        return message.correlation == correlation and not message.topic.endswith("/part")

    return app.wait(fits)[-1]


def test_pieces_come_with_the_names_filled_in_then_the_whole_answer(
    mosquitto: Broker, name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.piece_go = threading.Semaphore(1)
    llm = make_llm(endpoint.url, model="tiny", environ={})
    with (
        App(mosquitto, name, topics=(f"edge/v1/{name}/esc/part",)) as app,
        running_worker(mosquitto, llm),
        running_node(mosquitto, name, tmp_path),
    ):
        correlation = app.send(encode(STREAMED))
        app.wait(lambda m: m.topic.endswith("/esc/part"))
        time.sleep(0.1)  # pieces that follow faster come together
        endpoint.piece_go.release()
        first = parts(app, correlation)[0]
        assert (first.seq, first.delta) == (0, "Ada was")
        endpoint.piece_go.release(100)
        message = final(app, correlation)
        assert msgspec.json.decode(message.payload)["result"]["text"] == "Ada was tired."
        assert "".join(each.delta for each in parts(app, correlation)) == "Ada was tired."
    llm.close()
    assert b"<PERS" not in b"".join(m.payload for m in app.received if "/res/" in m.topic)


def test_without_the_option_there_are_no_pieces(
    mosquitto: Broker, name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    llm = make_llm(endpoint.url, model="tiny", environ={})
    with (
        App(mosquitto, name) as app,
        running_worker(mosquitto, llm),
        running_node(mosquitto, name, tmp_path),
    ):
        assert app.ask("why did Ada leave?").source == "cloud"
        assert not [each for each in app.received if each.topic.endswith("/part")]
    llm.close()
    assert "stream" not in endpoint.requests[0][2]


def test_after_a_broken_stream_it_begins_anew_and_ends_whole(
    mosquitto: Broker, name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["Well, ", "<PERS", "ON_1> was tired."]
    endpoint.cut = 2
    llm = make_llm(endpoint.url, model="tiny", environ={})
    with (
        App(mosquitto, name) as app,
        running_worker(mosquitto, llm),
        running_node(mosquitto, name, tmp_path),
    ):
        correlation = app.send(encode(STREAMED))
        parts(app, correlation)
        endpoint.cut = None
        message = app.wait(
            lambda m: m.correlation == correlation and b'"status":"ok"' in m.payload
        )[0]
        assert b"Well, Ada was tired." in message.payload
        found = parts(app, correlation)
        again = max(number for number, each in enumerate(found) if each.seq == 0)
        assert again > 0
        assert "".join(each.delta for each in found[again:]) == "Well, Ada was tired."
    llm.close()


def test_a_cancel_ends_the_call_that_streams(
    mosquitto: Broker, name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["word "] * 1000
    endpoint.piece_go = threading.Semaphore(5)
    llm = make_llm(endpoint.url, model="tiny", environ={})
    with (
        App(mosquitto, name, topics=(f"edge/v1/{name}/esc/cancel",)) as app,
        running_worker(mosquitto, llm, concurrency=1),
        running_node(mosquitto, name, tmp_path),
    ):
        correlation = app.send(encode(STREAMED))
        parts(app, correlation)
        app.send(b"", topic=f"edge/v1/{name}/req/cancel/app", correlation=correlation)
        message = final(app, correlation)
        assert status_of(message) == "499"
        app.wait(lambda m: m.topic.endswith("/esc/cancel"))
        # the endpoint would go on, and nobody reads any more

        def is_over() -> bool:
            endpoint.piece_go.release()
            return endpoint.given_up.is_set()

        until(is_over, "the end of the call")
    llm.close()
    endpoint.piece_go.release(2000)


def test_what_is_forgotten_is_neither_written_on_nor_passed_on(
    mosquitto: Broker, name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["word "] * 1000
    endpoint.piece_go = threading.Semaphore(5)
    llm = make_llm(endpoint.url, model="tiny", environ={})
    with (
        App(mosquitto, name, topics=(f"edge/v1/{name}/esc/#",)) as app,
        running_worker(mosquitto, llm, concurrency=1),
        running_node(mosquitto, name, tmp_path) as node,
    ):
        correlation = app.send(encode(STREAMED))
        parts(app, correlation)
        (asked,) = app.wait(lambda m: m.topic.endswith("/esc/req"))
        assert node.forget(app.client, None) == 1
        assert status_of(final(app, correlation)) == "408"
        app.wait(lambda m: m.topic.endswith("/esc/cancel"))
        passed_on = len(parts(app, correlation))
        # a worker that has not heard of it
        assert asked.correlation is not None
        late = ReplyPart(asked.correlation.hex(), 0, "late", "other")
        app.connection.publish(reply_part_message(NodeTopics(name), late))
        assert app.ask("hi", "echo").status == "ok"
        assert len(parts(app, correlation)) == passed_on
    llm.close()
    endpoint.piece_go.release(2000)


def test_a_node_that_withdraws_is_understood_by_workers() -> None:
    topics = NodeTopics("kitchen")
    assert node_of_cancel(topics.escalation_cancels) == "kitchen"
    assert node_of_cancel(topics.escalations) is None
