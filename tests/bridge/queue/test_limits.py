"""The outbox of a real node when it is full, paused, cancelled, or in memory."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.messages import Reply
from tests.bridge.harness import (
    FAST,
    App,
    Scripted,
    running_node,
    running_worker,
    status_of,
    until,
)
from tests.bridge.queue.waiting import PRESENCE, ask, broken, events, limited, queued


@pytest.mark.parametrize("limits", [{"most_rows": 2}, {"most_bytes": 3_000}])
def test_a_full_outbox_refuses_what_is_not_more_important_and_says_when_to_ask_again(
    own_broker: Broker, tmp_path: Path, limits: dict[str, int]
) -> None:
    with (
        running_node(own_broker, "n", tmp_path, escalations=limited(**limits)) as node,
        App(own_broker, "n") as app,
    ):
        queued(app, "why one?")
        queued(app, "why two?")
        error = app.answers(ask(app, "why three?"))[0].error
        assert error is not None
        assert (error.code, error.type, error.retry_after_s) == ("503", "unavailable", 7.0)
        (event,) = events(app, "dropped")
        reason = "rows" if "most_rows" in limits else "bytes"
        assert (event["reason"], event["count"], event["client"]) == (reason, 1, "app")
        until(lambda: node.escalations.depth().dropped == {reason: 1})
        # a more important one takes the place of the last of the others
        queued(app, "why four?", priority=9)
        dropped = app.answers(b"why two?", number=2)[1]
        assert dropped.error is not None
        assert (dropped.error.code, dropped.error.retry_after_s) == ("503", 7.0)
        until(lambda: node.escalations.depth().dropped == {reason: 2})
        # what was dropped has got its answer, and what was refused may be asked again
        ask(app, "why two?")
        assert app.answers(b"why two?", number=3)[2] == dropped
        node.escalations.cancel("app", b"why one?")
        app.answers(b"why one?", number=2)
        ask(app, "why three?")
        assert app.answers(b"why three?", number=2)[1].status == "queued"
    with running_node(own_broker, "n", tmp_path) as node:
        assert node.escalations.depth().dropped == {reason: 2}


def test_a_full_outbox_can_drop_what_came_first(own_broker: Broker, tmp_path: Path) -> None:
    options = limited(most_rows=2, when_full="first")
    with (
        running_node(own_broker, "n", tmp_path, escalations=options),
        App(own_broker, "n") as app,
    ):
        for text in ("why one?", "why two?", "why three?"):
            queued(app, text)
        assert app.answers(b"why one?", number=2)[1].code == "503"


def test_the_more_important_is_asked_first(own_broker: Broker, tmp_path: Path) -> None:
    llm = Scripted()
    options = limited(in_flight=1)
    with (
        running_node(own_broker, "n", tmp_path, escalations=options),
        App(own_broker, "n") as app,
    ):
        for priority in (0, 4, 9, 1):
            queued(app, f"why {priority}?", priority)
        with running_worker(own_broker, llm):
            app.wait(lambda m: m.correlation == b"why 0?" and status_of(m) == "200")
    assert [each.text for each in llm.asked] == ["why 9?", "why 4?", "why 1?", "why 0?"]


def test_what_is_cancelled_is_answered_and_taken_back_from_the_worker(
    own_broker: Broker, tmp_path: Path
) -> None:
    with (
        running_node(own_broker, "n", tmp_path) as node,
        App(own_broker, "n", topics=("edge/v1/n/esc/#",)) as app,
    ):
        queued(app, "why waiting?")
        node.escalations.cancel("app", b"why waiting?")
        final = app.answers(b"why waiting?", number=2)[1]
        assert final.error is not None
        assert (final.error.code, final.error.type) == ("499", "cancelled")
        worker = App(own_broker, "n", topics=("edge/workers/+/status",))
        with worker:
            worker.connection.publish(PRESENCE)
            ask(app, "why claimed?")
            (asked,) = app.wait(lambda m: m.topic.endswith("esc/req"))
            node.escalations.cancel("other", b"why claimed?")
            node.escalations.cancel("app", b"why claimed?")
            app.wait(lambda m: m.correlation == b"why claimed?" and status_of(m) == "499")
            (told,) = app.wait(lambda m: m.topic.endswith("esc/cancel"))
        assert json.loads(told.payload)["id"] == json.loads(asked.payload)["id"]
        assert [event["client"] for event in events(app, "cancelled", 2)] == ["app", "app"]


def test_a_pause_lets_escalations_wait_even_over_a_restart(
    own_broker: Broker, tmp_path: Path
) -> None:
    llm = Scripted()
    with App(own_broker, "n") as app, running_worker(own_broker, llm):
        with running_node(own_broker, "n", tmp_path) as node:
            node.escalations.pause(is_paused=True)
            queued(app, "why?")
            assert app.ask("local").status == "ok"
        with running_node(own_broker, "n", tmp_path) as node:
            assert node.escalations.depth().is_paused
            assert app.ask("why not?").status == "queued"
            assert llm.asked == []
            node.escalations.pause(is_paused=False)
            assert app.answers(b"why?", number=2)[1].source == "cloud"
            assert not node.escalations.depth().is_paused


def test_a_flush_lets_everything_be_due(own_broker: Broker, tmp_path: Path) -> None:
    llm = Scripted(broken, lambda e: Reply(id=e.id, text="so"))
    patient = msgspec.structs.replace(FAST, retry_s=1000.0, longest_retry_s=1000.0)
    with (
        running_node(own_broker, "n", tmp_path, escalations=patient) as node,
        App(own_broker, "n") as app,
        running_worker(own_broker, llm),
    ):
        queued(app, "why?")
        node.escalations.flush()
        assert app.answers(b"why?", number=2)[1].result == {"text": "so"}


def test_in_memory_an_answer_is_remembered_and_an_escalation_is_on_disk_all_the_same(
    own_broker: Broker, tmp_path: Path
) -> None:
    options = msgspec.structs.replace(FAST, journal="memory")
    with App(own_broker, "n") as app:
        with running_node(own_broker, "n", tmp_path, escalations=options):
            ask(app, "local")
            first = app.answers(b"local")[0]
            ask(app, "local")
            assert app.answers(b"local", number=2)[1] == first
            queued(app, "why?")
        with (
            running_node(own_broker, "n", tmp_path, escalations=options),
            running_worker(own_broker, Scripted()),
        ):
            final = app.answers(b"why?", number=2)[1]
            assert final.source == "cloud"
            ask(app, "why?")
            assert app.answers(b"why?", number=3)[2] == final
