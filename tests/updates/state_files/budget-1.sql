BEGIN TRANSACTION;
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot TEXT NOT NULL,
    uptime_s REAL NOT NULL,
    lived_s REAL NOT NULL
) STRICT;
INSERT INTO "clock" VALUES(1,'7d1bde3f-be97-413d-a45b-50fc5e1956a0',45200.0,0.0);
CREATE TABLE spent (
        client TEXT NOT NULL,
        period TEXT NOT NULL,
        begun_s REAL NOT NULL,
        requests INTEGER NOT NULL CHECK (requests >= 0),
        tokens INTEGER NOT NULL CHECK (tokens >= 0),
        cost_usd REAL NOT NULL CHECK (cost_usd >= 0),
        PRIMARY KEY (client, period)
    ) STRICT;
INSERT INTO "spent" VALUES('','day',0.0,2,120,0.25);
COMMIT;
PRAGMA user_version = 1;
