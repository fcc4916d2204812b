"""What waits for an answer, or has one, is deleted from the outbox on demand."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.queue.accepted import Accepted
from edge_runtime.bridge.queue.forgetting import forget_at_rest
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.record import Record
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer, Reply
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
from tests.bridge.queue.rows import SECRET, add, incoming, new_row, opened


def holds(directory: Path, text: str = SECRET) -> list[str]:
    return [
        each.name
        for each in directory.rglob("*")
        if each.is_file() and text.encode() in each.read_bytes()
    ]


def kept(text: str) -> Kept:
    return Kept.of(Answer(id="a", task="ask", result={"text": text}))


@pytest.mark.parametrize(
    ("client", "session", "left"),
    [
        ("app", None, ["c"]),
        (None, None, []),
        # what is answered does not tell its session any more, and so goes with any
        ("app", "s", ["b", "c"]),
    ],
)
def test_rows_are_those_of_the_client_and_its_session(
    tmp_path: Path, client: str | None, session: str | None, left: list[str]
) -> None:
    path = tmp_path / "outbox.db"
    with opened(path) as file:
        outbox, record = Outbox(file), Record(file)
        outbox.enqueue(new_row("a", session="s"))
        outbox.enqueue(new_row("b"))
        outbox.enqueue(new_row("c", client="other", session="s"))
        outbox.answer(add(outbox, new_row("d", session="t")), b"answer")
        record.keep(("app", b"e", b"d"), kept("answer"), 60.0)
    forget_at_rest(path, client, session)
    with opened(path) as file:
        assert [row.correlation.decode() for row in Outbox(file).page()] == left
        assert Record(file).find(("app", b"e", b"d")) is None


def test_at_rest_no_byte_of_it_is_left_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with opened(path) as file:
        outbox, record = Outbox(file), Record(file)
        for number in range(200):
            outbox.enqueue(new_row(f"a{number}"))
            outbox.enqueue(new_row(f"b{number}", client="other"))
            for client in ("app", "other"):
                key = (client, f"c{number}".encode(), b"d")
                record.keep(key, kept(f"{SECRET} of {client}"), 60.0)
        record.accept(("app", b"x", b"d"), Accepted.of(incoming("x", f"{SECRET} of app"), 0.0, 0.0))
    assert holds(tmp_path, f"{SECRET} of app")
    assert forget_at_rest(path, "app", None) == 401
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
