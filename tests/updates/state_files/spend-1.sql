BEGIN TRANSACTION;
CREATE TABLE spend (
        day TEXT NOT NULL,
        node TEXT NOT NULL,
        model TEXT NOT NULL,
        calls INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        generation_tokens INTEGER NOT NULL,
        cost_usd REAL NOT NULL,
        PRIMARY KEY (day, node, model)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "spend" VALUES('2026-11-25','n','gpt-x',1,0,100,20,0.25);
COMMIT;
PRAGMA user_version = 1;
