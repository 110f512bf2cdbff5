-- +goose Up

-- What the source said about the list before a full load: records by status. Null if it was not asked.
ALTER TABLE sync_runs ADD COLUMN counts_before jsonb CHECK (jsonb_typeof(counts_before) = 'object');

-- How many pages in a row were wholly rejected, and when that stopped the run: it continues on a command.
ALTER TABLE sync_runs ADD COLUMN rejected_pages bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN stopped_at timestamptz;

-- The last full load of a sync, compared with the counts of the source.
CREATE TABLE sync_counts (
    sync          text PRIMARY KEY REFERENCES syncs ON DELETE CASCADE,
    run_id        bigint NOT NULL,
    compared_at   timestamptz NOT NULL DEFAULT now(),
    -- Records by status: those that the run has read, and those that the source counted before and after it.
    counts_read   jsonb NOT NULL CHECK (jsonb_typeof(counts_read) = 'object'),
    counts_before jsonb NOT NULL CHECK (jsonb_typeof(counts_before) = 'object'),
    counts_after  jsonb NOT NULL CHECK (jsonb_typeof(counts_after) = 'object'),
    -- Records that may be counted otherwise than they were read: changed meanwhile, or rejected.
    changed       bigint NOT NULL CHECK (changed >= 0),
    rejected      bigint NOT NULL CHECK (rejected >= 0),
    -- The difference beyond these, over all statuses; exceeded means that it raises an alarm.
    difference    bigint NOT NULL CHECK (difference >= 0),
    exceeded      boolean NOT NULL
);

-- The records that the target holds as opted out, because they were delivered so, as a compressed set, and
-- the changes of the set that are not merged into it yet.
CREATE TABLE sync_optouts (
    sync text PRIMARY KEY REFERENCES syncs ON DELETE CASCADE,
    keys bytea NOT NULL CHECK (octet_length(keys) <= 268435456)
);
ALTER TABLE sync_optouts ALTER COLUMN keys SET STORAGE EXTERNAL;

CREATE TABLE sync_optout_changes (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync text NOT NULL REFERENCES syncs ON DELETE CASCADE,
    keys bytea NOT NULL
);
CREATE INDEX sync_optout_changes_sync ON sync_optout_changes (sync, id);

-- The records that were delivered as opted in, and that the target holds as opted out.
CREATE TABLE sync_held (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync     text NOT NULL REFERENCES syncs ON DELETE CASCADE,
    key      text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (sync, key)
);
CREATE INDEX sync_held_sync ON sync_held (sync, id);
