"""The file: private, durable, of one format, with a clock that nobody can set."""

from __future__ import annotations

import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_runtime.bridge.queue.file.clock import Board
from edge_runtime.bridge.queue.file.quarantine import open_queue
from edge_runtime.bridge.queue.file.queue_file import DamagedFileError, QueueFile
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.record import Record
from edge_runtime.errors import ConfigError
from tests.bridge.queue.rows import Clock, add, new_row, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


def test_all_its_files_are_private(path: Path) -> None:
    with opened(path) as file:
        Outbox(file).enqueue(new_row())
        names = [each.name for each in path.parent.iterdir()]
        assert {"outbox.db", "outbox.db-wal", "outbox.db.reserve"} <= set(names)
        for each in path.parent.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_newer_format_is_refused_and_left_alone(path: Path) -> None:
    with opened(path) as file:
        file.db.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="format is 99"):
        open_queue(path)
    assert path.exists()


def test_the_wall_clock_may_jump_to_anywhere(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with opened(path, clock) as file:
        row = add(Outbox(file), new_row(arrived=file.now(), ttl_s=60))
    for wall in (0.0, 4e9):
        monkeypatch.setattr(time, "time", lambda: wall)  # noqa: B023 - used at once
        with opened(path, clock) as file:
            assert Outbox(file).expired() == []
            assert Outbox(file).page()[0].expires - file.now() == row.expires
    clock.now += 61
    with opened(path, clock) as file:
        assert [each.id for each in Outbox(file).expired()] == [row.id]


def test_time_goes_on_over_restarts_and_boots_but_not_while_the_board_is_off(path: Path) -> None:
    clock = Clock(100.0)
    with opened(path, clock) as file:
        clock.now += 10
        with file.batch():
            Outbox(file).enqueue(new_row())
        assert file.now() == 10
    clock.now += 5  # the node is down, the board is up
    with opened(path, clock) as file:
        assert file.now() == 15
        with file.batch():
            Outbox(file).enqueue(new_row("b"))
    with opened(path, Clock(3.0), boot="another") as file:
        assert file.now() == 15


def test_an_idle_look_writes_nothing(path: Path) -> None:
    log, clock = path.with_name("outbox.db-wal"), Clock()
    with opened(path, clock) as file:
        with file.batch():
            Outbox(file).enqueue(new_row())
        before = log.stat().st_size
        clock.now += 60
        with file.batch():
            Outbox(file).expired()
        assert log.stat().st_size == before
        # but for the time, now and then
        clock.now += 600
        with file.batch():
            Outbox(file).expired()
        assert log.stat().st_size > before


# what happened to format 1 on a board: waiting, claimed and told, answered, delivered
FORMAT_1 = """
CREATE TABLE escalations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, escalation TEXT NOT NULL UNIQUE, client TEXT NOT NULL,
    correlation BLOB NOT NULL, digest BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, arrived REAL NOT NULL,
    sent REAL NOT NULL DEFAULT 0, due REAL NOT NULL, expires REAL NOT NULL,
    why TEXT NOT NULL DEFAULT '', route BLOB NOT NULL, pending BLOB NOT NULL, answer BLOB,
    UNIQUE (client, correlation, digest)
) STRICT;
CREATE INDEX waiting ON escalations (due, id) WHERE state = 0;
CREATE INDEX untold ON escalations (id) WHERE state = 0 AND told = 0;
CREATE INDEX claimed ON escalations (due, id) WHERE state = 1;
CREATE INDEX expiring ON escalations (expires) WHERE state <= 1;
CREATE INDEX answered ON escalations (id) WHERE state = 2;
CREATE INDEX delivered ON escalations (due) WHERE state >= 3;
PRAGMA user_version = 1;
INSERT INTO escalations VALUES
  (1, 'e1', 'app', x'61', x'64', 0, 0, 2, 1000, 0, 1700, 4600, 'no luck',
   CAST('{"client":"app","topic":"t","request_id":"a","expires":4600}' AS BLOB), x'7b7d', NULL),
  (2, 'e2', 'app', x'62', x'64', 1, 1, 0, 1000, 1990, 2020, 4600, '',
   CAST('{"client":"app","topic":"t","request_id":"b"}' AS BLOB), x'7b7d', NULL),
  (3, 'e3', 'app', x'63', x'64', 2, 0, 0, 1000, 0, 1000, 4600, '',
   CAST('{"client":"app","topic":"t","request_id":"c"}' AS BLOB), x'7b7d',
   CAST('{"id":"c","task":"ask"}' AS BLOB)),
  (4, 'e4', 'app', x'64', x'64', 3, 0, 0, 1000, 0, 2100, 4600, '',
   CAST('{"client":"app","topic":"t","request_id":"d"}' AS BLOB), x'',
   CAST('{"id":"d","task":"ask"}' AS BLOB));
"""


@pytest.mark.parametrize(
    ("wall", "left_s", "kept_s"), [(2000.0, 2600.0, 100.0), (0.0, 3600.0, 600.0), (9e9, 0.0, 0.0)]
)
def test_a_file_of_format_1_goes_on_whatever_the_clock_says(
    path: Path, wall: float, left_s: float, kept_s: float
) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript(FORMAT_1)
    db.close()
    QueueFile(path, Board("boot", Clock()), lambda: wall).close()
    with opened(path) as file:
        outbox, record = Outbox(file), Record(file)
        rows = {row.escalation: row for row in outbox.page()}
        assert {name: row.state for name, row in rows.items()} == {
            "e1": "waiting",
            "e2": "waiting",
            "e3": "answered",
        }
        assert (rows["e1"].attempts, rows["e1"].why, rows["e2"].told) == (2, "no luck", True)
        assert rows["e1"].expires == left_s
        route = rows["e1"].read_route()
        assert route is not None
        assert route.expires == left_s
        assert rows["e3"].read_answer() == Kept(b'{"id":"c","task":"ask"}', "200", "local")
        assert record.find(("app", b"d", b"d")) == Kept(b'{"id":"d","task":"ask"}', "200", "local")
        assert record.next_due() == kept_s
        assert (file.totals.escalations, file.totals.requests) == (2, 1)


@pytest.mark.parametrize(
    "content", [b"this is not a database, only text" * 100, b"SQLite format 3"]
)
def test_what_is_no_database_is_moved_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"outbox\.db"):
        QueueFile(path)
    file, facts = open_queue(path)
    file.close()
    assert facts == {"file": "outbox.db.damaged", "salvaged": 0}
    assert path.with_name("outbox.db.damaged").read_bytes() == content


def test_what_can_be_read_of_a_damaged_file_goes_on(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as file:
        outbox, record = Outbox(file), Record(file)
        clock.now += 1000
        with file.batch():
            for number in range(300):
                outbox.enqueue(new_row(f"n{number}", arrived=file.now(), ttl_s=60))
                record.keep(("app", b"%d" % number, b"d"), Kept(b"{}", "200", "local"), 60.0)
        file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_size,) = file.db.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    # one page of rows in the middle
    where = content.index(b"n150-app") // page_size * page_size
    content[where : where + page_size] = bytes(page_size)
    path.write_bytes(content)
    clock.now += 30
    file, facts = open_queue(path, Board("boot", clock))
    saved = {row.escalation: row for page in (0, 100, 200) for row in Outbox(file).page(page)}
    assert facts is not None
    salvaged = facts["salvaged"]
    assert isinstance(salvaged, int)
    assert 500 <= salvaged < 600
    assert len(saved) + file.totals.requests == salvaged
    assert file.totals.escalations == len(saved)
    assert all(row.read_route() and row.read_pending() for row in saved.values())
    assert Outbox(file).expired() == []
    clock.now += 31  # of the same minute that they had
    assert len(Outbox(file).expired()) == 100
    file.close()


WORK = """
import sys, random
from pathlib import Path
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.record import Record
from tests.bridge.queue.rows import add, new_row

file = QueueFile(Path(sys.argv[1]))
outbox, record = Outbox(file), Record(file)
number = int(sys.argv[2])
while True:
    number += 1
    with file.batch():
        outbox.enqueue(new_row(f"n{number}", ttl_s=1e9))
        outbox.claim(3, timeout_s=1e9)
        answered = add(outbox, new_row(f"a{number}", ttl_s=1e9))
        outbox.answer(answered, b"answer %d" % number)
        record.keep(("app", b"%d" % number, b"d"), Kept(b"answer %d" % number, "200", "local"), 1e9)
    print(number, flush=True)
"""


def test_nothing_that_was_reported_is_lost_when_the_process_is_killed_at_any_moment(
    path: Path,
) -> None:
    chance = random.Random(4)  # noqa: S311 - no secret
    reported = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WORK, str(path), str(reported)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first
        time.sleep(chance.uniform(0.0, 0.2))
        process.kill()
        lines = [first, *process.stdout.read().splitlines(keepends=True)]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        reported = int([line for line in lines if line.endswith(b"\n")][-1])
        file, quarantined = open_queue(path)
        assert quarantined is None
        counts, record = Outbox(file).counts(), Record(file)
        # the transaction that was under way may have been committed too, or not, but not by half
        done = counts["answered"]
        assert done in {reported, reported + 1}
        assert counts.get("waiting", 0) + counts["claimed"] == done
        for number in range(1, done + 1):
            assert record.find(("app", b"%d" % number, b"d")) is not None
        assert file.totals.requests == done
        reported = done
        file.close()
