"""State that earlier runtimes left goes on with this one; that of a newer one is a clear error.

``state_files`` holds what a runtime of each earlier format has written, as SQL: a node that waited
for a worker, with its session and its budget. A new format gets another file here.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.broker import broker
from edge_devices.slots import tree_slots
from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.assistant.governing.policy_desk import PolicyDesk
from edge_runtime.assistant.memory.file import Memory
from edge_runtime.assistant.memory.sessions import Sessions
from edge_runtime.bridge.cloud.spend import SpendBook
from edge_runtime.bridge.queue.owner import owner_at_rest
from edge_runtime.errors import EdgeError, UnavailableError
from edge_runtime.routing.budget import Budget, Limits
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.updates.state import Installed, read_state
from tests.bridge.harness import App, answer_in

FILES = Path(__file__).parent / "state_files"
QUESTION = "Who was Angela Merkel, and why did she call +49 170 1234567?"
CORRELATION = bytes.fromhex("56C2B70CF8408EB0")  # of the request that waits in outbox-1
BUDGET = Budget(day=Limits(requests=100))
NEWER = 99
SPENT_S = 1_795_600_000.0  # the day of spend-1


def _restore(name: str, path: Path) -> Path:
    """Write the database that a dump stands for; its times are of some minutes ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    db.executescript((FILES / name).read_text(encoding="utf-8"))
    now = time.time() - 120
    if name.startswith("outbox"):
        db.execute("UPDATE escalations SET arrived = ?1, due = ?1, expires = ?1 + 86400", (now,))
        route = json.loads(db.execute("SELECT route FROM escalations").fetchone()[0])
        route["expires"] = now + 86400
        db.execute("UPDATE escalations SET route = ?", (json.dumps(route).encode(),))
    if name.startswith("memory"):
        db.execute("UPDATE sessions SET wall_s = ?", (now,))
    db.commit()
    db.close()
    path.chmod(0o600)
    return path


def _uptime() -> tuple[str, float]:
    return ("another boot", 10.0)


def _read_outbox(path: Path) -> object:
    with owner_at_rest(path) as owner:
        return [(row.client, row.state) for row in owner.listed()]


def _read_memory(path: Path) -> object:
    session = Sessions(Memory(path, uptime=_uptime)).load("app", "s")
    return [exchange.asked for exchange in session.exchanges]


def _read_budget(path: Path) -> object:
    (account,) = Ledger(path, _uptime).accounts(BUDGET, "app")
    return (account.spent.requests, account.spent.tokens, account.spent.cost_usd)


def _read_spend(path: Path) -> object:
    book = SpendBook(path, now=lambda: SPENT_S)
    try:
        return [(each.node, each.calls, each.cost_usd) for each in book.sums()]
    finally:
        book.close()


READ: dict[str, tuple[Callable[[Path], object], object]] = {
    "outbox-1.sql": (_read_outbox, [("app", "waiting")]),
    "memory-1.sql": (_read_memory, ["Who was <PERSON_1>, and why did she call <PHONE_1>?"]),
    "budget-1.sql": (_read_budget, (2, 120, 0.25)),
    "spend-1.sql": (_read_spend, [("n", 1, 0.25)]),
}


def test_every_file_is_tried() -> None:
    assert {path.name for path in FILES.glob("*.sql")} == set(READ)


@pytest.mark.parametrize("name", READ)
def test_what_an_earlier_format_holds_goes_on(tmp_path: Path, name: str) -> None:
    read, expected = READ[name]
    path = _restore(name, tmp_path / "state" / "file.db")
    assert read(path) == expected
    assert read(path) == expected, "and stays"


@pytest.mark.parametrize("name", READ)
def test_what_a_newer_runtime_wrote_is_an_error_and_left_alone(tmp_path: Path, name: str) -> None:
    path = _restore(name, tmp_path / "state" / "file.db")
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {NEWER}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(EdgeError, match=f"its format is {NEWER}, and this runtime reads"):
        READ[name][0](path)
    assert path.read_bytes()[100:] == before[100:], "but for the journal's mode in the header"


def test_the_state_of_the_updater_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes((FILES / "updates-1.json").read_bytes())
    state = read_state(path)
    assert state.index_version == 2
    known = state.component("assistant")
    assert known.places["a"] == Installed("0.2.0", 2, known.places["a"].contents)
    assert known.latest == "0.2.0"


def test_a_trial_that_was_under_way_is_counted_on_and_left(tmp_path: Path) -> None:
    slots = tree_slots(tmp_path)
    for name in ("a", "b"):
        slots.place(name).mkdir()
    slots.use("a")
    (tmp_path / "trial.json").write_bytes((FILES / "trial-1.json").read_bytes())
    third = slots.started(most_starts=3)
    assert third is not None
    assert third.starts == 3
    left = slots.started(most_starts=3)
    assert left is not None
    assert (left.ended, slots.active) == ("it was started 3 times and never stayed up", "b")


def test_a_policy_that_was_set_goes_on_and_a_newer_one_opens_nothing(tmp_path: Path) -> None:
    """The first ones that were kept had no number."""
    path = tmp_path / "policy.json"
    path.write_bytes((FILES / "policy-1.json").read_bytes())
    content = json.loads(path.read_bytes())
    assert "format" not in content
    assert PolicyDesk(OwnerPolicy, path)().privacy == "local"
    content["policy"]["of_tomorrow"] = True
    path.write_text(json.dumps(content))
    with pytest.raises(UnavailableError, match="of_tomorrow"):
        PolicyDesk(OwnerPolicy, path)


def test_a_query_that_waited_before_the_upgrade_is_answered_after_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for name in READ:
        _restore(name, state / f"{name.partition('-')[0]}.db")
    with broker() as own:
        environment = {
            **os.environ,
            "EDGE_STATE": str(state),
            "EDGE_CONFIG": os.devnull,
            "EDGE_SOCKET": "off",
            "EDGE_POLICY_PRIVACY": "cloud",
        }
        with App(own, "n") as app:
            node, worker = (
                subprocess.Popen(
                    [sys.executable, "-m", module, "serve", "--broker", own.url, *more],
                    env=environment,
                    stderr=subprocess.DEVNULL,
                )
                for module, more in (
                    ("edge_runtime.cli.app", ["--node", "n"]),
                    ("edge_runtime.cli.cloud", ["--llm", "inspect", "--id", "w"]),
                )
            )
            try:
                (message,) = app.wait(lambda m: m.correlation == CORRELATION)
            finally:
                for process in (node, worker):
                    process.kill()
                    process.wait()
    answer = answer_in(message)
    assert (answer.status, answer.source) == ("ok", "cloud")
    assert "Angela Merkel" in str(answer.result)
