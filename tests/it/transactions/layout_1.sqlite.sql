CREATE TABLE shared_outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_key TEXT,
    headers TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    published_at TEXT,
    stream TEXT,
    stream_seq INTEGER
) STRICT;
CREATE INDEX shared_outbox_unpublished_idx ON shared_outbox (seq) WHERE published_at IS NULL;
CREATE INDEX shared_outbox_published_at_idx ON shared_outbox (published_at) WHERE published_at IS NOT NULL;
CREATE TABLE shared_inbox (
    subscription TEXT NOT NULL,
    event_id TEXT NOT NULL,
    handled_at TEXT NOT NULL,
    event_time TEXT,
    duplicates INTEGER NOT NULL,
    PRIMARY KEY (subscription, event_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE shared_dead_letters (
    id BLOB NOT NULL PRIMARY KEY,
    subscription TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    report TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    parked_at TEXT NOT NULL,
    replayed_at TEXT
) STRICT;
CREATE INDEX shared_dead_letters_waiting_idx ON shared_dead_letters (parked_at) WHERE replayed_at IS NULL;
CREATE TABLE shared_schema (step INTEGER NOT NULL PRIMARY KEY) STRICT;
INSERT INTO shared_schema (step) VALUES (1);
INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at)
VALUES (x'01900000000070008000000000000000', 'thing.named', 'thing.named', 'old', '{}', x'7b7d', '2026-01-01T00:00:00.000000+00:00');
WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 1203)
INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at, published_at, stream, stream_seq)
SELECT unhex(printf('0190000000007000900000000000%04x', i)), 'thing.named', 'thing.named', 'older', '{}', x'7b7d',
    '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:01.000000+00:00', CASE WHEN i < 4 THEN 'local' ELSE 'THING' END,
    CASE WHEN i < 4 THEN 0 ELSE i END
FROM numbers;
