from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.routing.budget import PERIOD_S, Account, Budget, Clock, Limits, Spent
from tests.routing import policies

DAY_S = PERIOD_S["day"]
anything = st.floats(allow_nan=True, allow_infinity=True)
boots = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 1e9)), max_size=20)


@given(boots)
def test_the_clock_never_goes_back_and_counts_no_jump(readings: list[tuple[str, float]]) -> None:
    clock = Clock()
    for boot, uptime_s in readings:
        later = clock.at(boot, uptime_s)
        gone_s = max(0.0, uptime_s - clock.uptime_s) if boot == clock.boot else 0.0
        assert later.lived_s == clock.lived_s + gone_s
        clock = later


def test_time_that_the_board_was_off_does_not_count() -> None:
    clock = Clock().at("first", 10.0).at("first", 100.0)
    assert clock.lived_s == 90.0
    rebooted = clock.at("second", 50_000.0)
    assert rebooted.lived_s == 90.0
    assert rebooted.at("second", 50_060.0).lived_s == 150.0


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-100, 100), anything), max_size=20))
def test_no_expense_makes_less_of_what_was_spent(expenses: list[tuple[int, int, float]]) -> None:
    spent = Spent()
    for requests, tokens, cost_usd in expenses:
        more = spent.plus(requests=requests, tokens=tokens, cost_usd=cost_usd)
        assert more.requests >= spent.requests
        assert more.tokens >= spent.tokens
        assert spent.cost_usd <= more.cost_usd < math.inf
        spent = more


@given(policies.accounts)
def test_what_is_left_is_never_negative(accounts: list[Account]) -> None:
    for account in accounts:
        assert account.cost_left_usd >= 0
        refusal = account.refusal()
        assert refusal is None or (refusal.retry_after_s or 0.0) >= 0


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_period_refills_only_when_it_was_lived_through(begun_s: float, lived_s: float) -> None:
    spent = Spent(begun_s, requests=3)
    now = spent.at("day", lived_s)
    assert (now.requests == 0) == (lived_s - begun_s >= DAY_S)


@pytest.mark.parametrize(
    ("limits", "spent", "gone"),
    [
        (Limits(requests=2), Spent(0.0, 1), None),
        (Limits(requests=2), Spent(0.0, 2), "requests"),
        (Limits(requests=0), Spent(), "requests"),
        (Limits(tokens=10), Spent(0.0, 0, 9), None),
        (Limits(tokens=10), Spent(0.0, 0, 10), "tokens"),
        (Limits(cost_usd=0.5), Spent(0.0, 0, 0, 0.49), None),
        (Limits(cost_usd=0.5), Spent(0.0, 0, 0, 0.6), "money"),
        (Limits(cost_usd=0.0), Spent(), None),  # what is free may be asked
        (Limits(), Spent(0.0, 10**9, 10**9, 1e9), None),
    ],
)
def test_an_account_is_closed_once_a_limit_is_reached(
    limits: Limits, spent: Spent, gone: str | None
) -> None:
    refusal = Account("", "day", limits, spent, 60.0).refusal()
    if gone is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.said == f"the budget of all clients, day is spent: {gone}"
        assert refusal.retry_after_s == DAY_S - 60


def test_a_client_has_its_own_limits_beside_those_of_all() -> None:
    budget = Budget(day=Limits(requests=9))
    assert [(name, period) for name, period, _ in budget.limits("app")] == [("", "day")]
    assert not Budget().is_limited
    assert budget.is_limited
