from __future__ import annotations

import pytest

from edge_devices.profiles import load_profile
from edge_devices.strain import Strain
from edge_runtime.assistant.governing.pacer import Pacer
from edge_runtime.errors import UnavailableError


class Board:
    def __init__(self) -> None:
        self.time_s = 0.0
        self.strain = Strain()
        self.rests: list[float] = []
        self.reads = 0
        self.pacer = Pacer(
            load_profile("pi5"), read=self.read, now=lambda: self.time_s, sleep=self.rests.append
        )

    def read(self) -> Strain:
        self.reads += 1
        return self.strain

    def heat(self, temperature_c: float) -> None:
        self.strain = Strain(temperature_c=temperature_c)
        self.time_s += 60


def test_a_cool_board_works_without_rest() -> None:
    board = Board()
    board.pacer.admit("generate")
    board.pacer.rest(2.0)
    assert board.rests == []
    assert board.pacer.health() == {"level": "full", "reason": ""}


def test_a_warm_board_rests_as_long_as_it_worked() -> None:
    board = Board()
    board.heat(75)
    board.pacer.admit("generate")
    board.pacer.rest(0.5)
    assert board.rests == [0.5]
    assert board.pacer.health()["level"] == "slow"


def test_a_hot_board_refuses_long_tasks_and_says_when_to_ask_again() -> None:
    board = Board()
    board.heat(79)
    board.pacer.admit("ask")
    with pytest.raises(UnavailableError, match="79 °C") as refused:
        board.pacer.admit("generate")
    assert refused.value.retry_after_s == 60.0
    assert "79" in board.pacer.health()["reason"]
    board.heat(60)
    board.pacer.admit("generate")


def test_the_board_is_read_every_ten_seconds_at_most(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()
    board.heat(75)
    for _ in range(100):
        board.pacer.admit("ask")
        board.time_s += 0.2
    assert board.reads == 2
    assert len(caplog.records) == 1
    assert "pace slow" in caplog.text
