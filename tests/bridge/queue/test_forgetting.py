"""What waits for an answer, or has one, is deleted from the outbox on demand."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.queue.forgetting import forget_at_rest, rows_to_forget
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer, Escalation, Reply, encode
from tests.bridge.harness import (
    DEADLINE_S,
    App,
    Echo,
    Scripted,
    running_node,
    running_worker,
    status_of,
    until,
)

SECRET = "xylophone-7731"


def add(outbox: Outbox, name: str, client: str, session: str | None = None) -> int:
    pending = Pending(
        escalation=Escalation(id=name, text=f"{SECRET} of {client}"),
        guess=Answer(id=name, task="ask"),
        session=session,
    )
    row, _ = outbox.enqueue(
        escalation=name, client=client, correlation=name.encode(), digest=b"d", arrived=0.0,
        expires=1e12, route=b"{}", pending=encode(pending),
    )  # fmt: skip
    return row.id


def holds(directory: Path, text: str = SECRET) -> list[str]:
    return [
        each.name
        for each in directory.rglob("*")
        if each.is_file() and text.encode() in each.read_bytes()
    ]


def test_rows_are_those_of_the_client_and_its_session(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", lambda: 1.0)
    add(outbox, "a", "app", "s")
    add(outbox, "b", "app")
    add(outbox, "c", "other", "s")
    delivered = add(outbox, "d", "app", "t")
    outbox.delivered(delivered, 60.0)

    def found(client: str | None, session: str | None) -> list[str]:
        return [row.escalation for row in rows_to_forget(outbox, client, session)]

    assert found("app", None) == ["a", "b", "d"]
    assert found(None, None) == ["a", "b", "c", "d"]
    # what is answered does not tell its session any more, and so goes with any
    assert found("app", "s") == ["a", "d"]
    outbox.close()


def test_at_rest_no_byte_of_it_is_left_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox(path, lambda: 1.0)
    for number in range(200):
        add(outbox, f"a{number}", "app")
        add(outbox, f"b{number}", "other")
    outbox.close()
    assert holds(tmp_path, f"{SECRET} of app")
    assert forget_at_rest(path, "app", None) == 200
    assert holds(tmp_path, f"{SECRET} of app") == []
    assert holds(tmp_path, f"{SECRET} of other") == ["outbox.db"]
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_what_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"something else" * 500)
    with pytest.raises(ConfigError, match="cannot be used as the outbox"):
        forget_at_rest(path, None, None)
    assert path.read_bytes() == b"something else" * 500


def test_whoever_waits_is_told_and_nobody_is_asked_any_more(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    llm = Scripted()
    with running_node(mosquitto, name, tmp_path) as node, App(mosquitto, name) as app:
        correlation = app.send(f"why {SECRET}?")
        other = app.send("why not?", topic=f"{app.root}/req/ask/other")
        app.answers(correlation)
        app.wait(lambda m: m.correlation == other)
        assert holds(tmp_path)
        assert node.forget("app", None) == 1
        assert holds(tmp_path) == []
        [_, final] = app.wait(lambda m: m.correlation == correlation, 2)
        assert status_of(final) == "408"
        assert b"forget" in final.payload
        with running_worker(mosquitto, llm):
            [_, answered] = app.wait(lambda m: m.correlation == other, 2)
            assert status_of(answered) == "200"
        assert SECRET not in "".join(each.text for each in llm.asked)
        assert node.forget("app", None) == 0


def test_forgetting_waits_for_an_answer_that_is_being_finished(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    finishing, go, finished = threading.Event(), threading.Event(), threading.Event()

    class Slow(Echo):
        def finish(self, pending: Pending, reply: Reply) -> Answer:
            finishing.set()
            go.wait(DEADLINE_S)
            finished.set()
            return super().finish(pending, reply)

    with (
        running_node(mosquitto, name, tmp_path, handler=Slow()) as node,
        App(mosquitto, name) as app,
        running_worker(mosquitto, Scripted()),
        ThreadPoolExecutor(1) as pool,
    ):
        app.send(f"why {SECRET}?")
        assert finishing.wait(DEADLINE_S)
        forgetting = pool.submit(node.forget, "app", None)
        until(lambda: not holds(tmp_path), "the row to be gone")
        assert not forgetting.done()
        go.set()
        assert forgetting.result(DEADLINE_S) == 1
        assert finished.is_set()
        assert node.forget("app", None) == 0


def test_a_delivered_answer_goes_too(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    with (
        running_node(mosquitto, name, tmp_path) as node,
        App(mosquitto, name) as app,
        running_worker(mosquitto, Scripted()),
    ):
        correlation = app.send(f"why {SECRET}?")
        app.wait(lambda m: m.correlation == correlation and status_of(m) == "200")
        assert holds(tmp_path)
        assert node.forget(None, None) == 1
        assert holds(tmp_path) == []
