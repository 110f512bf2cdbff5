-- +goose Up

-- Which key set seals the secrets of connections: a text that was sealed with it. A process with
-- another key set cannot open it, and seals nothing.
CREATE TABLE connection_keyset (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    key_id     bigint NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    sealed     bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
