from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.broker import Broker
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.rate_limits import RateLimits, rate_limits
from edge_runtime.errors import ConfigError
from tests.bridge.harness import DEADLINE_S, App, Echo, answer_in, settings, status_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_and_then_one_by_one() -> None:
    clock = Clock()
    limits = RateLimits(2.0, 3, clock=clock)
    assert [limits("a") is None for _ in range(5)] == [True, True, True, False, False]
    refusal = limits("a")
    assert refusal is not None
    assert (refusal.code, refusal.kind, refusal.retry_after_s) == ("429", "rate_limited", 0.5)
    clock.now += 0.5
    assert limits("a") is None
    assert limits("a") is not None


def test_whoever_waits_as_long_as_said_is_let_through() -> None:
    clock = Clock()
    limits = RateLimits(0.7, 1, clock=clock)
    for _ in range(50):
        assert limits("a") is None
        refusal = limits("a")
        assert refusal is not None
        assert refusal.retry_after_s is not None
        clock.now += refusal.retry_after_s


def test_one_client_does_not_use_up_the_requests_of_another() -> None:
    limits = RateLimits(1.0, 2, clock=Clock())
    for _ in range(10):
        limits("a")
    assert limits("b") is None


def test_a_flood_of_names_is_no_way_round_and_takes_no_memory() -> None:
    clock = Clock()
    limits = RateLimits(1.0, 5, most_clients=10, clock=clock)
    passed = sum(limits(f"name-{number}") is None for number in range(10_000))
    assert passed == 10 + 5  # each of those told apart, and one bucket for all others
    assert len(limits) <= 11
    clock.now += 5
    assert limits("one more") is None


def test_who_keeps_to_the_limit_is_not_forgotten_in_a_flood_of_names() -> None:
    clock = Clock()
    limits = RateLimits(1.0, 1, most_clients=2, clock=clock)
    for number in itertools.count():
        if number == 100:
            break
        assert limits("steady") is None
        limits(f"name-{number}")
        clock.now += 1.0


@given(
    st.floats(0.01, 1000),
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from("abcde")), max_size=200),
)
def test_no_client_ever_gets_more_than_its_burst_and_its_rate(
    per_s: float, burst: int, asked: list[tuple[float, str]]
) -> None:
    clock = Clock()
    limits = RateLimits(per_s, burst, most_clients=100, clock=clock)
    passed: dict[str, list[float]] = {}
    for pause_s, client in asked:
        clock.now += pause_s
        if limits(client) is None:
            passed.setdefault(client, []).append(clock.now)
    for times in passed.values():
        for first, last in itertools.combinations(range(len(times)), 2):
            number, span_s = last - first + 1, times[last] - times[first]
            assert number <= burst + span_s * per_s + 1e-6


@pytest.mark.parametrize(("per_s", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_what_is_no_limit_is_refused(per_s: float, burst: int) -> None:
    with pytest.raises(ConfigError, match="requests_per_s"):
        rate_limits(per_s, burst)


def test_without_a_rate_nobody_is_refused() -> None:
    limits = rate_limits(None, 1)
    assert not any(limits("a") for _ in range(1000))


def test_a_node_answers_a_client_that_asks_too_often_with_429_and_when_to_come_back(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    node = Node(
        settings(mosquitto),
        Echo(),
        name=name,
        outbox=tmp_path / "outbox.db",
        admit=rate_limits(0.01, 3),
    )
    node.start(DEADLINE_S)
    try:
        with App(mosquitto, name) as app, App(mosquitto, name, client="other") as other:
            correlations = [app.send("hi", "echo") for _ in range(5)]
            answers = app.wait(lambda m: m.correlation in correlations, 5)
            assert sorted(map(status_of, answers)) == ["200"] * 3 + ["429"] * 2
            error = next(a.error for a in map(answer_in, answers) if a.error is not None)
            assert error.type == "rate_limited"
            assert error.retry_after_s is not None
            assert error.retry_after_s > 1
            assert other.ask("hi", "echo").status == "ok"
    finally:
        node.stop()
