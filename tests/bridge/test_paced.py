from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_devices.profiles import load_profile
from edge_devices.strain import Strain
from edge_runtime.assistant.governing.pacer import Pacer
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.paced import Paced
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.text_output import Limits
from tests.bridge.harness import Echo


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
