"""What leaves the node, what comes back, and what whoever asked hears meanwhile.

Each test has a broker for itself: a worker serves all nodes of a broker.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker, Kind, broker
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.messages import ErrorInfo, Escalation, Reply, encode
from tests.bridge.harness import (
    App,
    NodeProcess,
    Scripted,
    answer_in,
    running_node,
    running_worker,
    status_of,
    until,
)


@pytest.fixture
def app(own_broker: Broker, tmp_path: Path) -> Iterator[App]:
    with running_node(own_broker, "n", tmp_path), App(own_broker, "n") as client:
        yield client


def failing(code: str, kind: str, retry_after_s: float | None = None) -> Callable[..., Reply]:
    return lambda e: Reply(id=e.id, error=ErrorInfo(code, kind, "no luck", retry_after_s))


def answering(text: str) -> Callable[[Escalation], Reply]:
    return lambda e: Reply(id=e.id, text=text, model="m", cloud_ms=1.0)


def is_final(message: Message) -> bool:
    return message.correlation is not None and status_of(message) == "200"


def events(app: App, kind: str, number: int = 1) -> list[Message]:
    return app.wait(lambda m: m.topic == f"{app.root}/evt/{kind}", number)


def test_an_escalation_is_answered_by_a_worker_without_the_private_text(
    own_broker: Broker, app: App
) -> None:
    llm = Scripted()
    with running_worker(own_broker, llm):
        correlation = app.send("why did Ada go?", expiry_s=100)
        (message,) = app.wait(lambda m: m.correlation == correlation)
    answer = answer_in(message)
    assert (answer.status, answer.source, answer.model) == ("ok", "cloud", "scripted")
    assert answer.result == {"text": "because why did Ada go?"}
    assert dict(message.properties) == {"status": "200", "source": "cloud", "protocol": "1"}
    assert [escalation.text for escalation in llm.asked] == ["why did <PERSON_1> go?"]
    assert answer.ms.cloud > 0
    assert message.expiry_s is not None
    assert message.expiry_s <= 100
    (event,) = events(app, "escalated")
    assert b"Ada" not in event.payload
    assert json.loads(event.payload)["client"] == "app"


def test_without_a_worker_it_is_queued_and_answered_later(own_broker: Broker, app: App) -> None:
    correlation = app.send("why?")
    (queued,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(queued) == "202"
    assert answer_in(queued).status == "queued"
    assert answer_in(queued).result == {"text": "why?"}
    events(app, "queued")
    with running_worker(own_broker, Scripted()):
        _, final = app.answers(correlation, number=2)
    assert (final.status, final.source) == ("ok", "cloud")
    assert final.ms.queue > final.ms.infer


@pytest.mark.parametrize(("when_offline", "code"), [("local", "200"), ("fail", "503")])
def test_without_a_worker_the_policy_can_end_it(app: App, when_offline: str, code: str) -> None:
    correlation = app.send(json.dumps({"text": "why?", "policy": {"when_offline": when_offline}}))
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == code
    assert dict(message.properties)["source"] == "local"


def test_it_expires_with_the_message(app: App) -> None:
    correlation = app.send("why?", expiry_s=1)
    queued, final = app.answers(correlation, number=2)
    assert (queued.code, final.code) == ("202", "408")
    assert final.ms.queue >= 900
    events(app, "expired")


def test_it_expires_at_its_deadline(app: App) -> None:
    correlation = app.send(json.dumps({"text": "why?", "policy": {"deadline_ms": 300}}))
    assert [a.code for a in app.answers(correlation, number=2)] == ["202", "408"]


@pytest.mark.parametrize(
    "reply",
    [
        failing("429", "rate_limited", 0.05),
        failing("503", "llm_unavailable"),
        failing("500", "internal"),
    ],
)
def test_a_failure_that_may_pass_is_told_and_tried_again(
    own_broker: Broker, app: App, reply: Callable[..., Reply]
) -> None:
    llm = Scripted(reply, reply, answering("at last"))
    with running_worker(own_broker, llm):
        queued, final = app.answers(app.send("why?"), number=2)
    assert queued.code == "202"
    assert any("no luck" in reason for reason in queued.reason)
    assert final.result == {"text": "at last"}
    assert len(llm.asked) == 3
    assert len({escalation.id for escalation in llm.asked}) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [("400", "llm_refused"), ("403", "llm_denied"), ("429", "budget")]
)
def test_a_failure_that_stays_is_final(own_broker: Broker, app: App, code: str, kind: str) -> None:
    llm = Scripted(failing(code, kind))
    with running_worker(own_broker, llm):
        answer = app.ask("why?")
    assert answer.error is not None
    assert (answer.error.code, answer.error.type) == (code, kind)
    assert len(llm.asked) == 1


def test_a_reply_that_cannot_be_used_is_an_error(own_broker: Broker, app: App) -> None:
    with running_worker(own_broker, Scripted(answering("unusable"))):
        answer = app.ask("why?")
    assert answer.error is not None
    assert answer.error.type == "internal"


def test_a_worker_that_says_nothing_is_given_up_and_asked_again(
    own_broker: Broker, app: App
) -> None:
    with App(own_broker, "n", topics=("edge/v1/n/esc/req",)) as silent:
        silent.connection.publish(
            Message(topic="edge/workers/silent/status", payload=b'{"status":"online"}', retain=True)
        )
        correlation = app.send("why?")
        (queued,) = app.answers(correlation)
        assert queued.code == "202"
        first, again = silent.wait(lambda m: m.topic.endswith("esc/req"), number=2)[:2]
        assert first.correlation == again.correlation
        assert first.payload == again.payload
        # a late reply is as good as any
        assert first.correlation is not None
        reply = Reply(id=first.correlation.hex(), text="late", model="m")
        silent.connection.publish(Message(topic="edge/v1/n/esc/res", payload=encode(reply)))
        final = app.answers(correlation, number=2)[1]
    assert final.result == {"text": "late"}


def test_a_worker_that_only_seems_to_be_there_is_noticed_at_once(
    own_broker: Broker, tmp_path: Path
) -> None:
    patient = EscalationOptions(cloud_timeout_s=1000)
    with (
        running_node(own_broker, "n", tmp_path, escalations=patient),
        App(own_broker, "n", topics=("edge/workers/+/status",)) as app,
    ):
        app.connection.publish(
            Message(topic="edge/workers/ghost/status", payload=b'{"status":"online"}', retain=True)
        )
        app.wait(lambda m: m.topic.startswith("edge/workers/"))
        answer = app.ask("why?")
    assert answer.status == "queued"
    assert "no worker is online; queued" in answer.reason


def test_a_full_disk_is_an_error_and_the_node_goes_on(own_broker: Broker, tmp_path: Path) -> None:
    with running_node(own_broker, "n", tmp_path) as node, App(own_broker, "n") as app:
        app.ask("why first?")
        database = node.escalations._file.db  # noqa: SLF001
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        answer = app.ask("why " + "x" * 50_000)
        assert answer.error is not None
        assert answer.error.code == "503"
        assert "disk" in answer.error.message
        assert app.ask("local").status == "ok"
        database.execute("PRAGMA max_page_count = 100000").fetchall()
        until(lambda: app.ask("why again?").status == "queued", "the node to notice")


@pytest.mark.parametrize("column", ["pending", "route"])
def test_a_damaged_row_is_told_if_possible_and_does_not_stop_the_others(
    own_broker: Broker, tmp_path: Path, column: str
) -> None:
    with App(own_broker, "n") as app:
        with running_node(own_broker, "n", tmp_path):
            damaged = app.send("why this?")
            app.answers(damaged)
            sound = app.send("why that?")
            app.answers(sound)
        database = sqlite3.connect(tmp_path / "outbox.db")
        database.execute(f"UPDATE escalations SET {column} = x'00' WHERE id = 1")  # noqa: S608
        database.commit()
        database.close()
        with running_node(own_broker, "n", tmp_path), running_worker(own_broker, Scripted()):
            assert app.answers(sound, number=2)[1].status == "ok"
            if column == "pending":
                lost = app.answers(damaged, number=2)[1]
                assert lost.error is not None
                assert "damaged" in lost.error.message


def test_only_outstanding_replies_are_taken(own_broker: Broker, app: App) -> None:
    topic = "edge/v1/n/esc/res"
    with App(own_broker, "n", topics=("edge/v1/n/esc/req",)) as worker:
        worker.connection.publish(
            Message(topic="edge/workers/w/status", payload=b'{"status":"online"}', retain=True)
        )
        correlation = app.send("why?")
        escalated = worker.wait(lambda m: m.topic.endswith("esc/req"))[0]
        assert escalated.correlation is not None
        stranger = Reply(id=secrets.token_hex(16), text="not asked")
        other = Reply(id=escalated.correlation.hex(), text="with another's correlation")
        right = Reply(id=escalated.correlation.hex(), text="right")
        for message in (
            Message(topic=topic, payload=b"not json"),
            Message(topic=topic, payload=b'{"id":"not hex"}'),
            Message(topic=topic, payload=encode(stranger)),
            Message(topic=topic, payload=encode(other), correlation=b"x"),
            Message(topic=topic, payload=encode(right), correlation=escalated.correlation),
            Message(topic=topic, payload=encode(right), correlation=escalated.correlation),
        ):
            worker.connection.publish(message)
        assert app.answers(correlation)[-1].result == {"text": "right"}
    assert app.ask("goes on").status == "ok"
    assert len(app.answers(correlation)) == 1


def test_a_repeated_request_is_escalated_once(own_broker: Broker, app: App) -> None:
    llm = Scripted()
    correlation = app.send("why?")
    app.answers(correlation)
    app.send("why?", correlation=correlation)
    app.answers(correlation, number=2)
    with running_worker(own_broker, llm):
        first = app.answers(correlation, number=3)[2]
        app.send("why?", correlation=correlation)
        again = app.answers(correlation, number=4)[3]
    assert first == again
    assert len(llm.asked) == 1


def test_an_id_that_is_used_again_for_another_text_is_another_request(
    own_broker: Broker, app: App
) -> None:
    with running_worker(own_broker, Scripted()):
        first = app.answers(app.send("why this?", correlation=b"1"))[-1]
        second = app.answers(app.send("why that?", correlation=b"1"), number=2)[-1]
    assert [first.result, second.result] == [
        {"text": "because why this?"},
        {"text": "because why that?"},
    ]


def test_many_escalations_share_two_workers(own_broker: Broker, app: App) -> None:
    one, two = Scripted(), Scripted()
    with running_worker(own_broker, one), running_worker(own_broker, two):
        sent = {app.send(f"why {number}?") for number in range(40)}
        answers = app.wait(
            lambda m: m.correlation in sent and status_of(m) == "200", number=len(sent)
        )
    assert len({message.correlation for message in answers}) == 40
    assert one.asked
    assert two.asked


def test_the_broker_may_go_and_come_back(tmp_path: Path) -> None:
    with (
        broker(persistence=True) as own,
        running_node(own, "n", tmp_path),
        App(own, "n") as app,
    ):
        correlation = app.send("why?")
        app.answers(correlation)
        statuses = sum(m.topic.endswith("/status") for m in app.received)
        own.restart(kill=True)
        # the app has no session: it must be back before there is something to receive
        app.wait(lambda m: m.topic.endswith("/status"), statuses + 1)
        with running_worker(own, Scripted()):
            app.wait(lambda m: m.correlation == correlation and status_of(m) == "200")
            assert app.ask("and now?").status == "ok"


def test_a_killed_node_answers_what_it_had_queued(own_broker: Broker, tmp_path: Path) -> None:
    with App(own_broker, "n") as app, NodeProcess(own_broker, "n", tmp_path) as process:
        app.wait(lambda m: m.payload == b"online")
        sent = [app.send(f"why {number}?") for number in range(10)]
        app.wait(lambda m: m.correlation in sent and status_of(m) == "202", number=10)
        process.kill()
        process.start()
        with running_worker(own_broker, Scripted()):
            app.wait(lambda m: m.correlation in sent and status_of(m) == "200", number=10)


def test_a_node_that_is_killed_again_and_again_loses_nothing(
    own_broker: Broker, tmp_path: Path
) -> None:
    sent: set[bytes | None] = set()
    with (
        App(own_broker, "n") as app,
        running_worker(own_broker, Scripted()),
        NodeProcess(own_broker, "n", tmp_path) as process,
    ):
        app.wait(lambda m: m.payload == b"online")
        for number in range(8):
            sent.update([app.send(f"why {number} {each}?") for each in range(5)])
            sent.update([app.send(f"{number} {each}") for each in range(5)])
            # a few are answered, the others are on their way, each time somewhere else
            app.wait(lambda m: m.correlation in sent, number=3 * number)
            process.kill()
            process.start()
        until(lambda: sent <= {m.correlation for m in app.received if is_final(m)})


@pytest.mark.parametrize("kind", [None, "amqtt"])
def test_escalations_work_on_mqtt_3_1_1(kind: Kind | None, tmp_path: Path) -> None:
    with (
        broker(kind) as own,
        running_node(own, "n", tmp_path, protocol="3.1.1"),
        App(own, "n", protocol="3.1.1") as app,
    ):
        app.send(json.dumps({"id": "a", "text": "why?"}))
        queued = app.wait(lambda m: "/res/" in m.topic)[0]
        assert answer_in(queued).status == "queued"
        with running_worker(own, Scripted(), protocol="3.1.1"):
            final = app.wait(lambda m: "/res/" in m.topic, number=2)[1]
        assert answer_in(final).id == "a"
        assert answer_in(final).source == "cloud"
