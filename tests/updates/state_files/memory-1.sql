BEGIN TRANSACTION;
CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        client TEXT NOT NULL,
        scope BLOB NOT NULL,
        question BLOB NOT NULL,
        essence BLOB,
        vector BLOB,
        reply TEXT NOT NULL,
        wall_s REAL NOT NULL, lived_s REAL NOT NULL, ttl_s REAL NOT NULL
    ) STRICT;
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot TEXT NOT NULL,
    uptime_s REAL NOT NULL,
    lived_s REAL NOT NULL
) STRICT;
INSERT INTO "clock" VALUES(1,'7d1bde3f-be97-413d-a45b-50fc5e1956a0',45143.772815555,1.20808729989221319556e-02);
CREATE TABLE sessions (
        client TEXT NOT NULL,
        session TEXT NOT NULL,
        placeholders TEXT NOT NULL,
        wall_s REAL NOT NULL, lived_s REAL NOT NULL, ttl_s REAL NOT NULL,
        PRIMARY KEY (client, session)
    ) STRICT;
INSERT INTO "sessions" VALUES('app','s','{"<PERSON_1>":"Angela Merkel","<PHONE_1>":"+49 170 1234567"}',1.79560759813282942772e+09,1.20808729989221319556e-02,3600.0);
CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        client TEXT NOT NULL,
        session TEXT NOT NULL,
        query TEXT NOT NULL,
        privacy TEXT NOT NULL,
        asked TEXT NOT NULL,
        answered TEXT NOT NULL,
        FOREIGN KEY (client, session) REFERENCES sessions ON DELETE CASCADE
    ) STRICT;
INSERT INTO "turns" VALUES(1,'app','s','31f64660438104caad34d5650d163f1a','cloud','Who was <PERSON_1>, and why did she call <PHONE_1>?','');
CREATE INDEX of_session ON turns (client, session, id);
CREATE INDEX same_text ON answers (scope, question);
CREATE INDEX same_essence ON answers (scope, essence) WHERE essence IS NOT NULL;
COMMIT;
PRAGMA user_version = 1;
