from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_devices.profiles import load_profile
from edge_devices.strain import Strain
from edge_runtime.assistant.governing.pacer import Pacer
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.node.health import Sources
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.paced import Paced
from edge_runtime.bridge.protocol.health import Health, Pace
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.text_output import Limits
from tests.bridge.harness import DEADLINE_S, App, Echo, settings


class Slow(Echo):
    """Every answer takes two seconds of a clock that the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = 0.0

    def now(self) -> float:
        return self.time_s

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        self.time_s += 2.0
        yield from super().stream(request, limits)


@pytest.fixture
def handler() -> Slow:
    return Slow()


def _paced(handler: Slow, temperature_c: float, rests: list[float]) -> Paced:
    def sleep(seconds: float) -> None:
        rests.append(seconds)
        handler.time_s += seconds

    pacer = Pacer(
        load_profile("pi5"),
        read=lambda: Strain(temperature_c=temperature_c),
        now=handler.now,
        sleep=sleep,
    )
    pacer.admit("ask")  # the first look at the board
    return Paced(handler, pacer, handler.now)


def _ask(paced: Paced, task: str = "echo") -> None:
    list(paced.stream(Request(text="hello", task=task), Limits()))


def test_a_warm_board_rests_before_the_next_request_and_not_before_the_answer(
    handler: Slow,
) -> None:
    rests: list[float] = []
    paced = _paced(handler, 75.0, rests)

    _ask(paced)
    assert rests == []
    _ask(paced)
    assert rests == [pytest.approx(2.0)]


def test_time_without_work_is_rest(handler: Slow) -> None:
    rests: list[float] = []
    paced = _paced(handler, 75.0, rests)

    _ask(paced)
    handler.time_s += 30.0
    _ask(paced)

    assert rests == []


def test_a_hot_board_refuses_long_tasks_only(handler: Slow) -> None:
    paced = _paced(handler, 95.0, [])

    _ask(paced, "echo")
    with pytest.raises(UnavailableError):
        _ask(paced, "generate")


class Writer(Echo):
    tasks = ("ask", "generate")


class Board:
    """Its temperature and its clock are what the test says."""

    def __init__(self) -> None:
        self.temperature_c = 95.0
        self.time_s = 0.0

    def read(self) -> Strain:
        return Strain(temperature_c=self.temperature_c)

    def now(self) -> float:
        return self.time_s


def test_the_node_tells_its_pace_and_why(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    board = Board()
    pacer = Pacer(load_profile("pi5"), read=board.read, now=board.now)
    node = Node(
        settings(mosquitto),
        Paced(Writer(), pacer, board.now),
        name=name,
        outbox=tmp_path / "outbox.db",
        sources=Sources(pacer=pacer),
    )
    topic = f"edge/v1/{name}/health"

    def told(level: str) -> Pace:
        def fits(message: Message) -> bool:
            if message.topic != topic:
                return False
            pace = msgspec.json.decode(message.payload, type=Health).pace
            return pace is not None and pace.level == level

        pace = msgspec.json.decode(app.wait(fits)[-1].payload, type=Health).pace
        assert pace is not None
        return pace

    with App(mosquitto, name, topics=(topic,)) as app:
        node.start(DEADLINE_S)
        try:
            assert told("shed").reason == "temperature 95 °C >= 78 °C"
            refused = app.ask("a story", "generate")
            assert refused.code == "503"
            assert refused.error is not None
            assert refused.error.retry_after_s == 60.0
            assert app.ask("hello").code == "200", "what takes milliseconds goes on"

            board.temperature_c = 73.0
            board.time_s += 60.0
            node.health.tell_soon()
            assert told("slow").reason.startswith("temperature 73 °C")

            board.temperature_c = 50.0
            board.time_s += 60.0
            node.health.tell_soon()
            assert told("full") == Pace("full", "")
            assert app.ask("a story", "generate").code == "200"
        finally:
            node.stop()
