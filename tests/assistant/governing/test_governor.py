from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.assistant.governing.sensors import Remembered, Sensors
from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Answer, ErrorInfo, Escalation, Reply
from edge_runtime.routing.budget import Budget, Limits
from edge_runtime.routing.gates import Gates
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.refusal import Refusal

ASKED = Escalation(id="00" * 16, text="why?", max_cost_usd=0.5)
PENDING = Pending(escalation=ASKED, guess=Answer(id="1", task="ask"), client="app")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def governor(policy: OwnerPolicy, clock: Clock, **sensors: object) -> Governor:
    return Governor(
        policy,
        sensors=Sensors(**sensors),  # type: ignore[arg-type]
        now=clock,
        jitter=lambda: 1.0,
    )


def reply(**changes: object) -> Reply:
    return Reply(id=ASKED.id, text="because", **changes)  # type: ignore[arg-type]


def refused(found: Escalation | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def admitted(found: Escalation | Refusal) -> Escalation:
    assert isinstance(found, Escalation)
    return found


def test_nothing_costs_more_than_is_left(clock: Clock) -> None:
    keeper = governor(OwnerPolicy(budget=Budget(day=Limits(cost_usd=0.6))), clock)
    assert admitted(keeper.admit(PENDING)).max_cost_usd == 0.5
    keeper.replied("app", reply(cost_usd=0.4), 1.0)
    assert admitted(keeper.admit(PENDING)).max_cost_usd == pytest.approx(0.2)
    keeper.replied("app", reply(cost_usd=0.2), 1.0)
    assert refused(keeper.admit(PENDING)).by == "budget"


@pytest.mark.parametrize("cost_usd", [-1.0, -1e9])
def test_a_worker_cannot_give_money_back(clock: Clock, cost_usd: float) -> None:
    keeper = governor(OwnerPolicy(budget=Budget(day=Limits(tokens=10, cost_usd=1.0))), clock)
    keeper.replied("app", reply(cost_usd=cost_usd, prompt_tokens=-50, generation_tokens=4), 1.0)
    [account] = keeper.accounts("app")
    assert (account.spent.cost_usd, account.spent.tokens) == (0.0, 4)


def test_a_request_that_did_not_leave_is_not_charged(clock: Clock) -> None:
    keeper = governor(OwnerPolicy(budget=Budget(day=Limits(requests=1))), clock)
    keeper.admit(PENDING)
    assert refused(keeper.admit(PENDING)).by == "budget"
    keeper.unsent("app")
    admitted(keeper.admit(PENDING))


def test_failures_in_a_row_stop_the_asking_until_one_try_succeeds(clock: Clock) -> None:
    keeper = governor(OwnerPolicy(gates=Gates(max_failures=2, pause_s=30)), clock)
    for _ in range(2):
        assert keeper.closed() is None
        keeper.admit(PENDING)
        keeper.failed()
    assert refused(keeper.admit(PENDING)).retry_after_s == 30
    clock.now = 30.0
    assert keeper.closed() is None
    admitted(keeper.admit(PENDING))
    assert refused(keeper.admit(PENDING)).by == "gate"  # one at a time
    keeper.replied("app", reply(), 1.0)
    admitted(keeper.admit(PENDING))
    admitted(keeper.admit(PENDING))


@pytest.mark.parametrize(
    ("error", "is_failure"),
    [
        (ErrorInfo("503", "llm_unavailable", ""), True),
        (ErrorInfo("429", "rate_limited", ""), True),
        (ErrorInfo("429", "budget", ""), False),
        (ErrorInfo("400", "llm_refused", ""), False),
        (None, False),
    ],
)
def test_what_a_worker_reports_counts_if_asking_again_may_help(
    clock: Clock, error: ErrorInfo | None, is_failure: object
) -> None:
    keeper = governor(OwnerPolicy(gates=Gates(max_failures=1)), clock)
    keeper.replied("app", reply(error=error), 1.0)
    assert (keeper.closed() is not None) is is_failure


def test_an_answer_that_took_too_long_counts_as_a_failure(clock: Clock) -> None:
    keeper = governor(OwnerPolicy(gates=Gates(max_failures=2, max_latency_ms=1000)), clock)
    for took_s in (1.1, 0.9, 1.1):
        keeper.replied("app", reply(), took_s)
    assert keeper.closed() is None
    keeper.replied("app", reply(), 1.1)
    assert keeper.closed() is not None


def test_a_closed_gate_charges_nothing(clock: Clock) -> None:
    policy = OwnerPolicy(gates=Gates(min_battery_percent=20), budget=Budget(day=Limits(requests=1)))
    keeper = governor(policy, clock, battery_percent=lambda: 19.0)
    assert "battery" in refused(keeper.admit(PENDING)).said
    [account] = keeper.accounts("app")
    assert account.spent.requests == 0


def test_readings_are_taken_only_for_gates_that_are_set(clock: Clock) -> None:
    def forbidden() -> None:
        raise AssertionError("nobody asked for this")

    keeper = governor(
        OwnerPolicy(), clock, metered=forbidden, battery_percent=forbidden, temperature_c=forbidden
    )
    assert keeper.closed() is None


def test_a_reading_is_remembered_for_a_while(clock: Clock) -> None:
    values = iter([1, 2])
    reading = Remembered(lambda: next(values), 10.0, clock)
    assert [reading(), reading()] == [1, 1]
    clock.now = 10.0
    assert reading() == 2


def test_without_its_ledger_a_governor_with_a_budget_lets_nothing_pass(tmp_path: Path) -> None:
    (tmp_path / "budget.db").mkdir()
    keeper = Governor(
        OwnerPolicy(budget=Budget(day=Limits(requests=9))), ledger=Ledger(tmp_path / "budget.db")
    )
    refusal = refused(keeper.admit(PENDING))
    assert "cannot be used" in refusal.said
    assert refusal.error().code == "503"
