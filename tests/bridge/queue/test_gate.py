"""The owner's gates and budgets between the outbox and the workers.

Each test has a broker for itself: a worker serves all nodes of a broker.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.broker import Broker
from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.assistant.governing.sensors import Sensors
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.messages import ErrorInfo, Escalation, Reply
from edge_runtime.routing.budget import Budget, ClientBudget, Limits
from edge_runtime.routing.gates import Gates
from edge_runtime.routing.policy import OwnerPolicy
from tests.bridge.harness import (
    DEADLINE_S,
    FAST,
    App,
    Echo,
    Scripted,
    running_worker,
    settings,
    until,
)


@contextlib.contextmanager
def governed(broker: Broker, directory: Path, governor: Governor) -> Iterator[App]:
    """Run a node with a governor, and give an app of it."""
    node = Node(
        settings(broker),
        Echo(),
        name="n",
        outbox=directory / "outbox.db",
        options=NodeOptions(escalations=FAST),
        gate=governor,
    )
    node.start(DEADLINE_S)
    try:
        with App(broker, "n") as app:
            yield app
    finally:
        node.stop()


def asking(when_offline: str) -> bytes:
    return json.dumps({"text": "why?", "policy": {"when_offline": when_offline}}).encode()


def test_a_budget_stops_before_the_worker_and_says_429(own_broker: Broker, tmp_path: Path) -> None:
    policy = OwnerPolicy(budget=Budget(client=ClientBudget(day=Limits(requests=1))))
    governor = Governor(policy, ledger=Ledger(tmp_path / "budget.db"))
    llm = Scripted()
    with governed(own_broker, tmp_path, governor) as app, running_worker(own_broker, llm):
        assert app.ask("why?").model == "scripted"
        refused = app.ask(asking("fail"))
        assert refused.error is not None
        assert (refused.error.code, refused.error.type) == ("429", "budget")
        assert (refused.error.retry_after_s or 0) > 86_000
        assert len(llm.asked) == 1
        guess = app.ask(asking("local"))
        assert (guess.status, guess.result) == ("ok", {"text": "why?"})
        with App(own_broker, "n", client="other") as other:
            assert other.ask("why?").model == "scripted"


def test_what_a_worker_charges_is_spent(own_broker: Broker, tmp_path: Path) -> None:
    policy = OwnerPolicy(budget=Budget(month=Limits(cost_usd=1.0)))
    governor = Governor(policy, ledger=Ledger(tmp_path / "budget.db"))

    def costly(escalation: Escalation) -> Reply:
        return Reply(id=escalation.id, text="so", model="m", cost_usd=0.25, prompt_tokens=7)

    llm = Scripted(costly)
    with governed(own_broker, tmp_path, governor) as app, running_worker(own_broker, llm):
        for _ in range(2):
            assert app.ask("why?").model == "m"
    assert [each.max_cost_usd for each in llm.asked] == [1.0, 0.75]
    [account] = Governor(policy, ledger=Ledger(tmp_path / "budget.db")).accounts("app")
    assert (account.spent.cost_usd, account.spent.tokens) == (0.5, 14)


def test_a_disk_that_fails_after_the_charge_does_not_charge_again(
    own_broker: Broker, tmp_path: Path
) -> None:
    policy = OwnerPolicy(budget=Budget(day=Limits(requests=9)))
    governor = Governor(policy, ledger=Ledger(tmp_path / "budget.db"))
    llm = Scripted()
    with governed(own_broker, tmp_path, governor) as app:
        correlation = app.send("why?")
        assert app.answers(correlation)[0].status == "queued"
        time.sleep(1.1)  # the next change of the queue writes its clock, last of all
        with sqlite3.connect(tmp_path / "outbox.db", isolation_level=None) as disk:
            disk.execute(
                "CREATE TRIGGER full BEFORE INSERT ON clock BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
            with running_worker(own_broker, llm):
                until(lambda: governor.accounts("app")[0].spent.requests > 0, "the charge")
                time.sleep(0.1)  # each step is tried once more alone
                assert llm.asked == []
                disk.execute("DROP TRIGGER full")
                assert app.answers(correlation, 2)[1].status == "ok"
        disk.close()
    [account] = governor.accounts("app")
    assert account.spent.requests == 1


def test_a_query_waits_behind_a_closed_gate_and_goes_when_it_opens(
    own_broker: Broker, tmp_path: Path
) -> None:
    hot = [90.0]
    policy = OwnerPolicy(gates=Gates(max_temperature_c=80))
    governor = Governor(policy, sensors=Sensors(temperature_c=lambda: hot[0]))
    llm = Scripted()
    with governed(own_broker, tmp_path, governor) as app, running_worker(own_broker, llm):
        correlation = app.send("why?")
        (told,) = app.answers(correlation)
        assert told.status == "queued"
        assert "temperature 90 °C > 80 °C; queued" in told.reason
        assert llm.asked == []
        hot[0] = 50.0
        app.send("why not?")  # whatever happens makes the node look again
        final = app.answers(correlation, 2)[1]
        assert (final.status, final.model) == ("ok", "scripted")


def test_failures_in_a_row_open_the_circuit_and_a_new_worker_closes_it(
    own_broker: Broker, tmp_path: Path
) -> None:
    governor = Governor(OwnerPolicy(gates=Gates(max_failures=2, pause_s=600)))
    broken = Scripted(lambda e: Reply(id=e.id, error=ErrorInfo("503", "llm_unavailable", "down")))
    with governed(own_broker, tmp_path, governor) as app:
        with running_worker(own_broker, broken):
            correlation = app.send("why?")
            until(lambda: len(broken.asked) == 2, "two attempts")
            until(lambda: governor.closed() is not None, "the circuit")
            other = app.ask(asking("fail"))
            assert other.error is not None
            assert other.error.code == "503"
            assert "2 failures in a row" in other.error.message
        assert len(broken.asked) == 2
        with running_worker(own_broker, Scripted()):
            until(lambda: any(a.status == "ok" for a in app.answers(correlation)), "the answer")
        assert governor.closed() is None


def test_the_client_of_a_request_is_that_of_its_topic(own_broker: Broker, tmp_path: Path) -> None:
    handler = Echo()
    node = Node(settings(own_broker), handler, name="n", outbox=tmp_path / "outbox.db")
    node.start(DEADLINE_S)
    try:
        with App(own_broker, "n", client="guest") as app:
            app.ask(b'{"text": "hello", "client": "owner"}')
            assert handler.begun[-1].client == "guest"
    finally:
        node.stop()


def test_what_waits_does_not_leave_once_the_owner_says_local(
    own_broker: Broker, tmp_path: Path
) -> None:
    policy = [OwnerPolicy()]
    llm = Scripted()
    with governed(own_broker, tmp_path, Governor(lambda: policy[0])) as app:
        correlation = app.send("why?")
        assert app.answers(correlation)[0].status == "queued"
        policy[0] = OwnerPolicy(privacy="local")
        with running_worker(own_broker, llm):
            final = app.answers(correlation, 2)[1]
            assert (final.status, final.source) == ("ok", "local")
            assert "the policy changed: privacy local" in final.reason[-1]
    assert llm.asked == []
