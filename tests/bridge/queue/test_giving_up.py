"""Queries that fail again and again or kill the node, and files that the disk has changed."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.broker import Broker
from edge_runtime.messages import Reply
from tests.bridge.harness import (
    DEADLINE_S,
    FAST,
    App,
    Scripted,
    answer_in,
    running_node,
    running_worker,
    status_of,
)
from tests.bridge.queue.waiting import ask, broken, events, failing, queued


def test_a_worker_without_time_is_asked_again_however_often(
    own_broker: Broker, tmp_path: Path
) -> None:
    llm = Scripted(*[failing("unavailable")] * 6, lambda e: Reply(id=e.id, text="so"))
    options = msgspec.structs.replace(FAST, retry_s=0.01, most_attempts=3)
    with (
        running_node(own_broker, "n", tmp_path, escalations=options),
        App(own_broker, "n") as app,
        running_worker(own_broker, llm),
    ):
        queued(app, "why?")
        assert app.answers(b"why?", number=2)[1].result == {"text": "so"}
    assert len(llm.asked) == 7


def test_what_fails_again_and_again_is_given_up(own_broker: Broker, tmp_path: Path) -> None:
    llm = Scripted(broken)
    options = msgspec.structs.replace(FAST, retry_s=0.01, most_attempts=3)
    with (
        running_node(own_broker, "n", tmp_path, escalations=options),
        App(own_broker, "n") as app,
        running_worker(own_broker, llm),
    ):
        queued(app, "why?")
        error = app.answers(b"why?", number=2)[1].error
        assert error is not None
        assert error.type == "given_up"
        assert "no luck" in error.message
        (event,) = events(app, "dropped")
        assert event["reason"] == "poison"
    assert len(llm.asked) == 3


DEADLY = """
import os, signal, sys
from pathlib import Path
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from tests.bridge.harness import FAST, Echo

class Deadly(Echo):
    def finish(self, pending, reply):
        if "deadly" in reply.text:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().finish(pending, reply)

node = Node(
    BrokerSettings.parse(sys.argv[1], environ={}), Deadly(), name="n",
    outbox=Path(sys.argv[2]), options=NodeOptions(escalations=FAST),
)
node.start()
signal.pause()
"""


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process, and see to it that it does not run any more afterwards."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_query_that_kills_the_node_whenever_it_is_answered_is_given_up(
    own_broker: Broker, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DEADLY, own_broker.url, str(tmp_path / "outbox.db")]
    with App(own_broker, "n") as app, running_worker(own_broker, Scripted()):
        for number in range(3):
            with ended(subprocess.Popen(command)) as process:
                if number == 0:
                    app.wait(lambda m: m.payload == b"online")
                    ask(app, "why deadly?")
                assert process.wait(DEADLINE_S) == -signal.SIGKILL
        with ended(subprocess.Popen(command)):
            final = app.wait(lambda m: m.correlation == b"why deadly?" and status_of(m) == "500")
            error = answer_in(final[0]).error
            assert error is not None
            assert error.type == "given_up"
            assert app.ask("why harmless?").source == "cloud"


def test_a_damaged_file_is_told_and_what_could_be_read_of_it_is_answered(
    own_broker: Broker, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.db"
    with App(own_broker, "n") as app:
        with running_node(own_broker, "n", tmp_path):
            queued(app, "why?")
        content = bytearray(path.read_bytes())
        # the page of an index, whose loss quick_check notices and no query
        with contextlib.closing(sqlite3.connect(path)) as db:
            (page,) = db.execute(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'expiring'"
            ).fetchone()
            (size,) = db.execute("PRAGMA page_size").fetchone()
        content[(page - 1) * size : page * size] = bytes(size)
        path.write_bytes(content)
        with running_node(own_broker, "n", tmp_path), running_worker(own_broker, Scripted()):
            (event,) = events(app, "quarantined")
            assert (event["file"], event["salvaged"]) == ("outbox.db.damaged", 1)
            assert app.answers(b"why?", number=2)[1].source == "cloud"


def test_a_file_that_is_damaged_while_the_node_runs_is_replaced(
    own_broker: Broker, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.db"
    with running_node(own_broker, "n", tmp_path) as node, App(own_broker, "n") as app:
        sent = [queued(app, f"why {number}?" + "x" * 5000) for number in range(20)]
        file = node.escalations._file  # noqa: SLF001
        node.escalations._thread.ask(lambda: None)  # noqa: SLF001
        file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with path.open("r+b") as content:
            found = content.read().index(b'"why 3?') // 4096 * 4096
            content.seek(found)
            content.write(b"\xff" * 4096)
        file.db.execute("PRAGMA shrink_memory")
        with running_worker(own_broker, Scripted()):
            (event,) = events(app, "quarantined")
            assert event["file"] == "outbox.db.damaged"
            assert event["salvaged"] >= 15
            answered = app.wait(
                lambda m: m.correlation in sent and status_of(m) == "200",
                number=event["salvaged"],
            )
            assert len({each.correlation for each in answered}) == event["salvaged"]
            assert app.ask("local").status == "ok"
