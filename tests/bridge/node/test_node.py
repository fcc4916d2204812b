from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bridge.protocol.message import Message
from tests.bridge.harness import App, Echo, NodeProcess, answer_in, running_node, status_of, until


@pytest.fixture
def handler() -> Echo:
    return Echo()


@pytest.fixture
def app(mosquitto: Broker, name: str, handler: Echo, tmp_path: Path) -> Iterator[App]:
    with (
        running_node(mosquitto, name, tmp_path, handler=handler),
        App(mosquitto, name, topics=("edge/clients/app/#",)) as client,
    ):
        yield client


def test_text_is_answered_with_correlation_status_source_and_protocol(app: App) -> None:
    correlation = app.send("turn on the light", expiry_s=60)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert message.topic == f"{app.root}/res/app"
    assert message.content_type == "application/json"
    assert dict(message.properties) == {"status": "200", "source": "local", "protocol": "1"}
    assert message.expiry_s is not None
    assert 0 < message.expiry_s <= 60
    answer = answer_in(message)
    assert answer.status == "ok"
    assert answer.result == {"text": "turn on the light"}
    assert answer.ms.queue >= 0
    assert answer.ms.infer == 1.0


def test_json_request_keeps_its_id(app: App) -> None:
    answer = app.ask(json.dumps({"id": "abc", "text": "hi"}), "echo")
    assert (answer.id, answer.task, answer.result) == ("abc", "echo", {"text": "hi"})


def test_the_task_in_the_topic_wins(app: App) -> None:
    assert app.ask(json.dumps({"task": "ask", "text": "hi"}), "echo").task == "echo"


def test_plain_text_that_looks_like_json_is_text(app: App) -> None:
    answer = app.ask("{not json", content_type="text/plain; charset=utf-8")
    assert answer.result == {"text": "{not json"}


def test_a_request_without_a_client_is_anonymous(app: App) -> None:
    correlation = app.send("hi", topic=f"{app.root}/req/ask")
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert message.topic == f"{app.root}/res/anon"


def test_an_allowed_response_topic_is_used(app: App) -> None:
    correlation = app.send("hi", response_topic="edge/clients/app/inbox")
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert message.topic == "edge/clients/app/inbox"


@pytest.mark.parametrize(
    "topic",
    ["cmd/x", "edge/clients/other/inbox", "homeassistant/light/x", "edge/clients/app/+"],
)
def test_a_response_topic_that_is_not_allowed_is_refused_on_the_default_one(
    app: App, topic: str
) -> None:
    correlation = app.send("hi", response_topic=topic)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert message.topic == f"{app.root}/res/app"
    assert status_of(message) == "400"


@pytest.mark.parametrize(
    ("payload", "task", "code", "kind"),
    [
        (b"", "ask", "400", "bad_request"),
        (b" \n ", "ask", "400", "bad_request"),
        (b"hi", "nonsense", "400", "bad_request"),
        (b"{", "ask", "400", "bad_request"),
        (b'{"text": 1}', "ask", "400", "bad_request"),
        (b'{"text": "hi", "policy": {"privacy": "none"}}', "ask", "400", "bad_request"),
        (b'{"text": "hi", "policy": {"unknown": 1}}', "ask", "400", "bad_request"),
        (b'{"no": "text"}', "ask", "400", "bad_request"),
        (b'{"text": "\\ud800"}', "ask", "400", "bad_request"),
        (b"\xff\xfe", "ask", "400", "bad_request"),
        (b'{"text": "\xff"}', "ask", "400", "bad_request"),
        (b'{"text": "hi", "v": 2}', "ask", "400", "bad_request"),
        (b"[" * 200_000, "ask", "413", "too_large"),
        (b'{"text": ' + b"[" * 200_000, "ask", "400", "bad_request"),
        (b"a" * (64 * 1024 + 1), "ask", "413", "too_large"),
        (b"{" + b" " * (256 * 1024), "ask", "413", "too_large"),
        (b"please refuse", "ask", "400", "bad_request"),
        (b"crash", "ask", "500", "internal"),
    ],
)
def test_what_cannot_be_answered_gets_an_error_and_the_node_goes_on(
    app: App, payload: bytes, task: str, code: str, kind: str
) -> None:
    correlation = app.send(payload, task)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    answer = answer_in(message)
    assert answer.status == "error"
    assert answer.error is not None
    assert (answer.error.code, answer.error.type) == (code, kind)
    assert status_of(message) == code
    assert app.ask("still there?").status == "ok"


def test_what_people_wrote_is_not_logged(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for text in ("please refuse my-secret", "crash my-secret", "why my-secret?"):
        app.ask(text)
    app.ask('{"text": "my-secret", "policy": {"privacy": "my-secret"}}')
    assert "RuntimeError" in caplog.text
    assert "my-secret" not in caplog.text


def test_an_invalid_request_is_answered_where_it_says(app: App) -> None:
    payload = json.dumps({"id": "x1", "reply_to": "edge/clients/app/in", "text": 5})
    correlation = app.send(payload)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert message.topic == "edge/clients/app/in"
    assert answer_in(message).id == "x1"


def test_a_client_name_that_is_not_valid_is_refused(app: App) -> None:
    correlation = app.send("hi", topic=f"{app.root}/req/ask/a client")
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert message.topic == f"{app.root}/res/anon"
    assert status_of(message) == "400"


def test_a_retained_request_is_refused(app: App) -> None:
    topic = f"{app.root}/req/ask/{app.client}"
    answer = app.ask("hi", retain=True)
    app.connection.publish(Message(topic=topic, retain=True))
    assert answer.error is not None
    assert "retain" in answer.error.message


def test_a_request_that_waited_too_long_is_not_computed(app: App, handler: Echo) -> None:
    handler.hold.set()
    app.send("blocks")
    until(lambda: handler.begun)
    correlation = app.send(json.dumps({"text": "late", "policy": {"deadline_ms": 1}}))
    # the answer to a request behind it shows that the node has seen the late one
    app.ask("refused", "nonsense")
    seen_at = time.time()
    until(lambda: time.time() > seen_at + 0.002)
    handler.go.set()
    (answer,) = app.answers(correlation)
    assert answer.error is not None
    assert answer.error.code == "408"
    assert [request.text for request in handler.begun] == ["blocks"]


def test_a_full_queue_says_when_to_come_back(
    mosquitto: Broker, name: str, tmp_path: Path, handler: Echo
) -> None:
    handler.hold.set()
    with (
        running_node(mosquitto, name, tmp_path, handler=handler, queue_limit=1),
        App(mosquitto, name) as app,
    ):
        first = app.send("first")
        until(lambda: handler.begun)
        second = app.send("second")
        (answer,) = app.answers(app.send("third"))
        assert answer.error is not None
        assert answer.error.code == "503"
        assert answer.error.retry_after_s is not None
        handler.go.set()
        assert app.answers(first)[0].status == "ok"
        assert app.answers(second)[0].status == "ok"


def test_many_requests_are_answered_each_once(app: App) -> None:
    sent = {app.send(f"text {number}"): f"text {number}" for number in range(200)}
    answers = app.wait(lambda m: m.correlation in sent, number=200)
    assert len(answers) == 200
    for message in answers:
        assert message.correlation is not None
        assert answer_in(message).result == {"text": sent[message.correlation]}


def test_the_handler_is_told_of_requests_that_wait_while_it_works(app: App, handler: Echo) -> None:
    handler.hold.set()
    app.send("first")
    until(lambda: handler.begun)
    texts = [f"text {number}" for number in range(6)]
    sent = [app.send(text) for text in texts]
    # the answer to a request behind them shows that the node has seen them
    app.ask("refused", "nonsense")
    handler.go.set()
    app.wait(lambda m: m.correlation in sent, number=len(sent))
    assert [request.text for request in handler.begun] == ["first", *texts]
    assert handler.expected == [texts]


def test_mqtt_3_1_1_works_with_id_and_reply_to(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with (
        running_node(mosquitto, name, tmp_path, protocol="3.1.1"),
        App(mosquitto, name, protocol="3.1.1", topics=("edge/clients/app/#",)) as app,
    ):
        app.send(json.dumps({"id": "7", "text": "hi", "reply_to": "edge/clients/app/7"}))
        (message,) = app.wait(lambda m: m.topic == "edge/clients/app/7")
        assert answer_in(message).id == "7"
        app.send("plain text")
        (message,) = app.wait(lambda m: m.topic == f"{app.root}/res/app")
        assert answer_in(message).result == {"text": "plain text"}


def test_what_the_handler_noticed_is_told_once(
    mosquitto: Broker, name: str, app: App, handler: Echo
) -> None:
    with App(mosquitto, name, topics=(f"{app.root}/evt/#",)) as watcher:
        handler.happened.append(("drift", {"level": 6.1, "queries": 300, "since": 90}))
        app.ask("hi")
        app.ask("hi")
        (message,) = watcher.wait(lambda m: m.topic == f"{app.root}/evt/drift")
    assert json.loads(message.payload) == {
        "v": 1, "type": "drift", "level": 6.1, "queries": 300, "since": 90,
    }  # fmt: skip


def test_info_and_status_are_retained(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    with running_node(mosquitto, name, tmp_path):
        with App(mosquitto, name) as app:
            (info,) = app.wait(lambda m: m.topic.endswith("/info"))
            app.wait(lambda m: m.payload == b"online" and m.retain)
        fields = json.loads(info.payload)
        assert fields["tasks"] == ["ask", "echo"]
        assert fields["limits"]["text_bytes"] == 65536
    with App(mosquitto, name) as app:
        app.wait(lambda m: m.payload == b"offline" and m.retain)


def test_a_killed_node_is_offline_by_its_last_will(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with App(mosquitto, name) as app, NodeProcess(mosquitto, name, tmp_path) as process:
        app.wait(lambda m: m.payload == b"online")
        process.kill()
        app.wait(lambda m: m.payload == b"offline")


def test_a_stopped_node_says_so_and_exits_cleanly(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with App(mosquitto, name) as app, NodeProcess(mosquitto, name, tmp_path) as process:
        app.wait(lambda m: m.payload == b"online")
        assert process.terminate() == 0
        app.wait(lambda m: m.payload == b"offline")


def test_a_broker_that_has_lost_everything_hears_again_who_is_there(
    name: str, tmp_path: Path
) -> None:
    with broker() as own, running_node(own, name, tmp_path):
        for _ in range(2):
            own.restart(kill=True)
            with App(own, name) as app:
                app.wait(lambda m: m.topic.endswith("/status") and m.payload == b"online")
                app.wait(lambda m: m.topic.endswith("/info"))
                assert app.ask("still there?").status == "ok"
