CREATE TABLE shared_outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT shared_outbox_pkey PRIMARY KEY,
    event_id uuid NOT NULL CONSTRAINT shared_outbox_event_id_key UNIQUE,
    subject text NOT NULL,
    event_type text NOT NULL,
    event_key text,
    headers text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    published_at timestamptz,
    stream text,
    stream_seq bigint
);
CREATE INDEX shared_outbox_unpublished_idx ON shared_outbox (seq) WHERE published_at IS NULL;
CREATE INDEX shared_outbox_published_at_idx ON shared_outbox (published_at) WHERE published_at IS NOT NULL;
CREATE TABLE shared_inbox (
    subscription text NOT NULL,
    event_id text NOT NULL,
    handled_at timestamptz NOT NULL,
    event_time timestamptz,
    duplicates bigint NOT NULL,
    CONSTRAINT shared_inbox_pkey PRIMARY KEY (subscription, event_id)
);
CREATE TABLE shared_dead_letters (
    id uuid CONSTRAINT shared_dead_letters_pkey PRIMARY KEY,
    subscription text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    headers text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    report text NOT NULL,
    attempts integer NOT NULL,
    parked_at timestamptz NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX shared_dead_letters_waiting_idx ON shared_dead_letters (parked_at) WHERE replayed_at IS NULL;
CREATE TABLE shared_schema (step integer CONSTRAINT shared_schema_pkey PRIMARY KEY);
INSERT INTO shared_schema (step) VALUES (1);
INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at)
VALUES ('01900000-0000-7000-8000-000000000000', 'thing.named', 'thing.named', 'old', '{}', '{"name": "old"}', '2026-01-01T00:00:00Z');
INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at, published_at, stream, stream_seq)
SELECT ('01900000-0000-7000-9000-' || lpad(i::text, 12, '0'))::uuid, 'thing.named', 'thing.named', 'older', '{}', '{"name": "older"}',
    '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', CASE WHEN i < 4 THEN 'local' ELSE 'THING' END, CASE WHEN i < 4 THEN 0 ELSE i END
FROM generate_series(1, 1203) AS i;
