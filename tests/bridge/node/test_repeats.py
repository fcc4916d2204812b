from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.queue.escalations import Escalations
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.messages import Answer
from tests.bridge.harness import (
    App,
    Echo,
    NodeProcess,
    Scripted,
    answer_in,
    running_node,
    running_worker,
    status_of,
    until,
)


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


def test_a_repeated_request_gets_the_same_bytes_and_is_not_computed_again(
    app: App, handler: Echo
) -> None:
    correlation = app.send("hi")
    app.answers(correlation)
    app.send("hi", correlation=correlation)
    first, second = app.wait(lambda m: m.correlation == correlation, number=2)
    assert first.payload == second.payload
    assert first.properties == second.properties
    assert len(handler.begun) == 1


def test_it_gets_the_same_bytes_after_a_restart(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with App(mosquitto, name) as app:
        with running_node(mosquitto, name, tmp_path):
            correlation = app.send("hi")
            app.answers(correlation)
        handler = Echo()
        with running_node(mosquitto, name, tmp_path, handler=handler):
            app.send("hi", correlation=correlation)
            first, second = app.wait(lambda m: m.correlation == correlation, number=2)
    assert first.payload == second.payload
    assert handler.begun == []


def test_an_error_is_repeated_too(app: App, handler: Echo) -> None:
    correlation = app.send("crash")
    app.answers(correlation)
    app.send("crash", correlation=correlation)
    first, second = app.wait(lambda m: m.correlation == correlation, number=2)
    assert first.payload == second.payload
    assert len(handler.begun) == 1


def test_repeats_of_what_is_under_way_are_answered_once(app: App, handler: Echo) -> None:
    handler.hold.set()
    correlation = app.send("hi")
    until(lambda: handler.begun)
    for _ in range(3):
        app.send("hi", correlation=correlation)
    app.ask("refused", "nonsense")  # behind them: the node has seen them
    handler.go.set()
    app.answers(correlation)
    app.ask("something else")
    assert len(app.answers(correlation)) == 1
    assert len(handler.begun) == 2


def test_a_repeat_that_wants_its_answer_elsewhere_gets_it_there(app: App, handler: Echo) -> None:
    handler.hold.set()
    correlation = app.send("hi")
    until(lambda: handler.begun)
    app.send("hi", correlation=correlation, response_topic="edge/clients/app/inbox")
    app.ask("refused", "nonsense")
    handler.go.set()
    messages = app.wait(lambda m: m.correlation == correlation, number=2)
    assert {m.topic for m in messages} == {f"{app.root}/res/app", "edge/clients/app/inbox"}
    assert len({m.payload for m in messages}) == 1


def test_the_same_correlation_with_another_text_is_another_request(app: App) -> None:
    correlation = app.send("hi")
    app.answers(correlation)
    app.send("ho", correlation=correlation)
    second = app.answers(correlation, number=2)[1]
    assert second.result == {"text": "ho"}


def test_without_correlation_the_id_tells_repeats(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    handler = Echo()
    with (
        running_node(mosquitto, name, tmp_path, handler=handler, protocol="3.1.1"),
        App(mosquitto, name, protocol="3.1.1") as app,
    ):
        payload = json.dumps({"id": "7", "text": "hi"})
        for number in (1, 2):
            app.send(payload)
            messages = app.wait(lambda m: m.topic == f"{app.root}/res/app", number=number)
    assert messages[0].payload == messages[1].payload
    assert len(handler.begun) == 1


def test_a_repeated_escalation_is_asked_once_and_answered_with_the_same_bytes(
    mosquitto: Broker, app: App
) -> None:
    llm = Scripted()
    with running_worker(mosquitto, llm):
        correlation = app.send("why?")
        app.wait(lambda m: m.correlation == correlation and answer_in(m).status == "ok")
        app.send("why?", correlation=correlation)
        first, second = app.wait(
            lambda m: m.correlation == correlation and answer_in(m).status == "ok", number=2
        )
    assert first.payload == second.payload
    assert len(llm.asked) == 1


def test_what_takes_long_is_taken_over_and_finished_after_a_kill(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with App(mosquitto, name) as app, NodeProcess(mosquitto, name, tmp_path) as process:
        app.wait(lambda m: m.payload == b"online")
        correlation = app.send("slow")
        until(lambda: _accepted(tmp_path / "outbox.db"))
        process.kill()
        process.start()
        (answer,) = app.answers(correlation)
        assert answer.result == {"text": "slow"}
        until(lambda: not _accepted(tmp_path / "outbox.db"))
        app.send("slow", correlation=correlation)
        first, second = app.wait(lambda m: m.correlation == correlation, number=2)
        assert first.payload == second.payload


def _accepted(path: Path) -> int:
    """Return how many requests stand in the journal without an answer."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        count: int = db.execute("SELECT count(*) FROM requests WHERE answer = x''").fetchone()[0]
    return count


def test_a_disk_that_cannot_be_read_does_not_silence_the_node(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError("the disk")

    monkeypatch.setattr(Journal, "find", fail)
    monkeypatch.setattr(Journal, "keep", fail)
    assert app.ask("hi").status == "ok"


def test_very_many_repeats_are_not_kept_and_change_nothing(app: App, handler: Echo) -> None:
    handler.hold.set()
    correlation = app.send("hi")
    until(lambda: handler.begun)
    for _ in range(200):
        app.send("hi", correlation=correlation)
    # more than a broker sends before the first ones are acknowledged
    app.ask("refused", "nonsense")
    handler.go.set()
    app.answers(correlation)
    app.ask("something else")
    assert len(app.answers(correlation)) == 1


@pytest.mark.parametrize("broken", ["expect", "facts", "unwritable"])
def test_a_bug_in_the_handler_does_not_silence_the_node(
    app: App, handler: Echo, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("a bug")

    if broken == "unwritable":
        answer = Answer(id="1", task="ask", result={"score": object()})
        monkeypatch.setattr(handler, "begin", lambda _request: answer)
    else:
        monkeypatch.setattr(handler, broken, fail)
    sent = [app.send(f"text {number}") for number in range(5)]
    messages = app.wait(lambda m: m.correlation in sent, number=5)
    codes = {status_of(message) for message in messages}
    assert codes == ({"500"} if broken == "unwritable" else {"200"})


def test_a_queue_that_fails_does_not_silence_the_node(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Escalations, "add", fail)
    answer = app.ask("why?")
    assert answer.error is not None
    assert answer.error.code == "500"
