from __future__ import annotations

import pytest

from edge_runtime.bridge.cloud.pause import EndpointPause
from edge_runtime.messages import ErrorInfo


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_others_are_told_what_is_left_until_it_is_over() -> None:
    clock = Clock()
    pause = EndpointPause(clock, lambda: 0.0)
    assert pause.refusal() is None
    pause.note(ErrorInfo("429", "rate_limited", "too many", 30.0))
    clock.now += 10
    assert pause.refusal() == ErrorInfo("429", "rate_limited", "too many", 20.0)
    clock.now += 20
    assert pause.refusal() is None


def test_those_who_come_back_are_spread_and_never_early() -> None:
    clock = Clock()
    spread = []
    for jitter in (0.0, 0.5, 1.0):
        pause = EndpointPause(clock, lambda jitter=jitter: jitter)  # type: ignore[misc]
        pause.note(ErrorInfo("503", "llm_overloaded", "wait", 100.0))
        refusal = pause.refusal()
        assert refusal is not None
        spread.append(refusal.retry_after_s)
    assert spread == [100.0, 105.0, 110.0]


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = Clock()
    pause = EndpointPause(clock, lambda: 0.0)
    pause.note(ErrorInfo("429", "rate_limited", "long", 30.0))
    pause.note(ErrorInfo("503", "llm_overloaded", "short", 5.0))
    pause.note(None)
    refusal = pause.refusal()
    assert refusal is not None
    assert (refusal.message, refusal.retry_after_s) == ("long", 30.0)


@pytest.mark.parametrize(
    "error",
    [
        None,
        ErrorInfo("503", "llm_unavailable", "one call failed", 5.0),
        ErrorInfo("429", "budget", "spent", 3600.0),
        ErrorInfo("429", "rate_limited", "at once", 0.0),
        ErrorInfo("400", "llm_refused", "no"),
    ],
)
def test_what_is_about_one_call_stops_nobody_else(error: ErrorInfo | None) -> None:
    pause = EndpointPause(Clock())
    pause.note(error)
    assert pause.refusal() is None
