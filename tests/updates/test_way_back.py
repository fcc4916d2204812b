"""An older runtime goes on with what a newer one has brought to its format, whatever interrupts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_devices.slots import tree_slots
from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.assistant.governing.policy_desk import PolicyDesk
from edge_runtime.assistant.way_back import leave_way_back
from edge_runtime.bridge.queue.file import migration, queue_file
from edge_runtime.bridge.queue.file.schema import FORMAT
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.errors import ConfigError, UnavailableError
from edge_runtime.routing.budget import Budget, Limits
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.updates.state import UpdateState, read_state, write_state
from tests.bridge.harness import App, answer_in, until
from tests.bridge.queue.rows import add, new_row, opened
from tests.updates.tomorrow import BACK, NEWER, VERSION, move, write_tree

QUESTION = "Who was Angela Merkel, and why did she call +49 170 1234567?"
BUDGET = Budget(day=Limits(requests=100))
NAMES = ["a", "b", "c"]


def _format(path: Path) -> int:
    db = sqlite3.connect(path)
    (found,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return int(found)


def _fill(path: Path) -> None:
    with opened(path) as file:
        for name in NAMES:
            add(Outbox(file), new_row(name))


def _move_on(path: Path) -> None:
    """Open an outbox as the runtime of tomorrow does, in a process of its own."""
    for module in (queue_file, migration):
        vars(module)["FORMAT"] = NEWER
    migration.STEPS[FORMAT] = migration.Step(move, BACK)
    with opened(path):
        pass


def _open(path: Path) -> None:
    with opened(path):
        pass


def _check(path: Path) -> None:
    """See that today's runtime finds every row whole."""
    with opened(path) as file:
        rows = Outbox(file).page()
        assert [row.key[1].decode() for row in rows] == NAMES
        assert all(row.read_route() and row.read_pending() for row in rows)
    assert _format(path) == FORMAT


def _in_child(work: Callable[[], None], number: int) -> bool:
    """Do some work in a child, killed at a step of SQLite of this number; whether it got there."""
    child = os.fork()
    if child == 0:
        count = 0
        connect = sqlite3.connect

        def tick() -> int:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return 0

        def watched(*arguments: object, **options: object) -> sqlite3.Connection:
            db = connect(*arguments, **options)  # type: ignore[call-overload]
            db.set_progress_handler(tick, 25)
            return db  # type: ignore[no-any-return]

        sqlite3.connect = watched  # type: ignore[assignment]
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) in {0, -signal.SIGKILL}
    return ended != 0


def test_what_tomorrows_runtime_has_moved_goes_back_with_what_came_meanwhile(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state" / "outbox.db"
    _fill(path)
    assert not _in_child(partial(_move_on, path), 0)
    assert _format(path) == NEWER
    _check(path)
    _check(path)


@pytest.mark.parametrize("direction", ["forward", "back"])
def test_killed_at_any_step_of_it_the_outbox_is_whole(tmp_path: Path, direction: str) -> None:
    base, path = tmp_path / "base", tmp_path / "copy"
    _fill(base / "outbox.db")
    work: Callable[[Path], None] = _move_on
    if direction == "back":
        assert not _in_child(partial(_move_on, base / "outbox.db"), 0)
        work = _open
    formats = set()
    for number in range(1, 2000):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(base, path)
        was_killed = _in_child(partial(work, path / "outbox.db"), number)
        formats.add(_format(path / "outbox.db"))
        _check(path / "outbox.db")
        if not was_killed:
            break
    assert number > 20
    assert formats == {FORMAT, NEWER}


@pytest.mark.parametrize("direction", ["none", "forward", "back"])
def test_on_a_full_disk_the_reserve_gives_the_room(
    small_disk: Callable[[int], Path], direction: str
) -> None:
    """Already to open the outbox takes some."""
    disk = small_disk(12_000)
    path = disk / "outbox.db"
    _fill(path)
    work: Callable[[Path], None] = _move_on if direction == "forward" else _open
    if direction == "back":
        assert not _in_child(partial(_move_on, path), 0)
    filling = (disk / "filling").open("wb", buffering=0)
    with filling, contextlib.suppress(OSError):
        while filling.write(bytes(4096)):
            pass
    assert not _in_child(partial(work, path), 0)
    assert _format(path) == (NEWER if direction == "forward" else FORMAT)
    _check(path)


def test_without_a_way_back_the_outbox_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    _fill(path)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {FORMAT + 2}")
    db.execute("BEGIN")
    leave_way_back(db, FORMAT, ["DROP TABLE escalations"])  # and from there on nothing is known
    db.execute("COMMIT")
    db.close()
    with pytest.raises(ConfigError, match=f"its format is {FORMAT + 2}, and this runtime reads"):
        _open(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM escalations").fetchone() == (len(NAMES),)
    db.close()


def test_budgets_go_back_over_several_formats(tmp_path: Path) -> None:
    path = tmp_path / "budget.db"
    ledger = Ledger(path)
    ledger.charge(BUDGET, "app")
    ledger.spend(BUDGET, "app", tokens=7, cost_usd=0.5)
    del ledger
    db = sqlite3.connect(path, isolation_level=None)
    for number, (forward, back) in enumerate(
        [
            ("ALTER TABLE spent ADD COLUMN colour TEXT", "ALTER TABLE spent DROP COLUMN colour"),
            ("ALTER TABLE spent RENAME TO gone", "ALTER TABLE gone RENAME TO spent"),
        ],
        1,
    ):
        db.execute("BEGIN")
        db.execute(forward)
        leave_way_back(db, number, [back])
        db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute("COMMIT")
    db.close()
    (account,) = Ledger(path).accounts(BUDGET, "app")
    assert (account.spent.requests, account.spent.tokens, account.spent.cost_usd) == (1, 7, 0.5)


def test_a_policy_of_tomorrow_says_what_todays_runtime_has_to_do(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    PolicyDesk(OwnerPolicy, path).set(b'{"privacy": "local"}')
    kept = json.loads(path.read_bytes())
    assert kept["format"] == 1
    newer = {"format": 2, "policies": [], "older": {"1": kept}}
    path.write_text(json.dumps(newer))
    assert PolicyDesk(OwnerPolicy, path)().privacy == "local"
    path.write_text(json.dumps({**newer, "older": {}}))
    with pytest.raises(UnavailableError, match="its format is 2, and this runtime reads 1"):
        PolicyDesk(OwnerPolicy, path)


def test_the_updater_of_today_goes_on_after_that_of_tomorrow(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_state(path, UpdateState(index_version=4))
    newer = {"format": 2, "older": {"1": json.loads(path.read_bytes())}}
    path.write_text(json.dumps(newer))
    assert read_state(path).index_version == 4


class _Starts:
    """Starts ``edge-run serve`` as a service manager does, one start after the other."""

    def __init__(self, broker: Broker, name: str, state: Path) -> None:
        self._command = [sys.executable, "-P", "-m", "edge_runtime.cli.entry", "serve",
                         "--broker", broker.url, "--node", name]  # fmt: skip
        self._environment = {
            **os.environ,
            "EDGE_STATE": str(state),
            "EDGE_CONFIG": os.devnull,
            "EDGE_SOCKET": "off",
            "EDGE_POLICY_PRIVACY": "cloud",
        }
        self._environment.pop("EDGE_TREES", None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, app: App) -> str:
        """Start it and return the version that says that it is online."""
        app.received.clear()
        self._process = subprocess.Popen(
            self._command, env=self._environment, stderr=subprocess.DEVNULL
        )
        app.wait(lambda m: m.topic.endswith("/status") and m.payload == b"online")
        infos = [m for m in app.received if m.topic.endswith("/info")]
        return str(json.loads(infos[-1].payload)["version"])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def test_nothing_is_lost_by_a_runtime_that_was_tried_and_left(
    own_broker: Broker, name: str, tmp_path: Path
) -> None:
    """Two queries wait, one of each runtime; the newer is killed until the older is back."""
    state = tmp_path / "state"
    outbox = state / "outbox.db"
    starts = _Starts(own_broker, name, state)
    with App(own_broker, name) as app:
        try:
            today = starts.start(app)
            first = app.send(QUESTION)
            assert app.answers(first)[0].status == "queued"
            starts.kill()
            trees = state / "runtime"
            write_tree(trees / "a")
            tree_slots(trees).begin("tomorrow")
            assert starts.start(app) == VERSION
            assert _format(outbox) == NEWER
            second = app.send(QUESTION)
            assert app.answers(second)[0].status == "queued"
            for _ in range(2):
                starts.kill()
                assert starts.start(app) == VERSION
            starts.kill()
            assert starts.start(app) == today
            until(lambda: _format(outbox) == FORMAT)
            app.received.clear()
            worker = subprocess.Popen(
                [sys.executable, "-m", "edge_runtime.cli.cloud", "serve", "--broker",
                 own_broker.url, "--llm", "inspect", "--id", "w"],
                env={**os.environ, "EDGE_CONFIG": os.devnull, "EDGE_STATE": str(state / "w")},
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                for correlation in (first, second):
                    (message,) = app.wait(lambda m, c=correlation: m.correlation == c)  # type: ignore[misc]
                    answer = answer_in(message)
                    assert (answer.status, answer.source) == ("ok", "cloud")
            finally:
                worker.kill()
                worker.wait()
        finally:
            starts.kill()
