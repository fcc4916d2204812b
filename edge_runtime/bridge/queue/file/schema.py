"""The tables of the queue's file, format 2.

All times are of the file's running clock (see ``clock``). Every query that runs while requests
come finds its rows by one of these indexes, so that it takes as long with a million rows as with a
thousand.
"""

from __future__ import annotations

from edge_runtime.assistant.state_file import CLOCK_TABLE

FORMAT = 2

DEFAULT_PRIORITY = 4  # of 0 to 9, the highest

# of an escalation
WAITING, CLAIMED, ANSWERED, BROKEN = range(4)
# of a request in the journal: taken over from the broker; answered, and the broker has not taken
# the answer yet; nothing left to do, kept for repeats
ACCEPTED, UNDELIVERED, TAKEN = range(3)

ESCALATIONS = f"""CREATE TABLE escalations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    escalation TEXT NOT NULL,
    client TEXT NOT NULL,
    correlation BLOB NOT NULL,
    digest BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT {WAITING},
    priority INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    arrived REAL NOT NULL,
    sent REAL NOT NULL DEFAULT -1,
    due REAL NOT NULL,
    expires REAL NOT NULL,
    why TEXT NOT NULL DEFAULT '',
    route BLOB NOT NULL,
    route_crc INTEGER NOT NULL,
    pending BLOB NOT NULL,
    answer BLOB,
    content_crc INTEGER NOT NULL,
    UNIQUE (client, correlation, digest)
) STRICT"""

SCHEMA = (
    CLOCK_TABLE,
    ESCALATIONS,
    f"CREATE INDEX waiting ON escalations (priority, due, id) WHERE state = {WAITING}",
    f"CREATE INDEX untold ON escalations (id) WHERE state = {WAITING} AND told = 0",
    f"CREATE INDEX failed ON escalations (id) WHERE state = {WAITING} AND told = 0 AND why <> ''",
    f"CREATE INDEX claimed ON escalations (due, id) WHERE state = {CLAIMED}",
    # of those that were ever sent only: the ids are random, so that each is another page to write
    f"CREATE INDEX sent ON escalations (escalation) WHERE state <= {CLAIMED} AND sent >= 0",
    f"CREATE INDEX expiring ON escalations (expires) WHERE state <= {CLAIMED}",
    f"CREATE INDEX unanswered ON escalations (id) WHERE state <= {CLAIMED}",
    f"CREATE INDEX answered ON escalations (id) WHERE state = {ANSWERED}",
    f"CREATE INDEX broken ON escalations (due) WHERE state = {BROKEN}",
    """CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        client TEXT NOT NULL,
        correlation BLOB NOT NULL,
        digest BLOB NOT NULL,
        state INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due REAL NOT NULL DEFAULT 0,
        route BLOB NOT NULL DEFAULT x'',
        route_crc INTEGER NOT NULL DEFAULT 0,
        accepted BLOB NOT NULL DEFAULT x'',
        answer BLOB NOT NULL DEFAULT x'',
        code TEXT NOT NULL DEFAULT '',
        source TEXT NOT NULL DEFAULT '',
        crc INTEGER NOT NULL,
        UNIQUE (client, correlation, digest)
    ) STRICT""",
    f"CREATE INDEX taken ON requests (due, id) WHERE state = {TAKEN}",
    f"CREATE INDEX open ON requests (id) WHERE state < {TAKEN}",
    """CREATE TABLE dropped (
        reason TEXT PRIMARY KEY,
        count INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE flags (
        name TEXT PRIMARY KEY
    ) STRICT""",
)

KEYS = """SELECT client, correlation, digest FROM escalations
    UNION ALL SELECT client, correlation, digest FROM requests"""

TOTALS = f"""SELECT
    (SELECT count(*) FROM escalations INDEXED BY unanswered WHERE state <= {CLAIMED}),
    (SELECT ifnull(sum(length(route) + length(pending)), 0) FROM escalations
        WHERE state <= {CLAIMED}),
    (SELECT count(*) FROM requests),
    (SELECT ifnull(sum(length(route) + length(accepted) + length(answer)), 0) FROM requests)
"""  # noqa: S608 - of constants
