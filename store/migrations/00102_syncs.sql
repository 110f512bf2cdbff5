-- +goose Up

-- A sync keeps the records of a list of one connection equal to those of another connection.
CREATE TABLE syncs (
    name              text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
    from_kind         text NOT NULL,
    from_connection   text NOT NULL,
    list_id           text NOT NULL CHECK (length(list_id) BETWEEN 1 AND 100),
    to_kind           text NOT NULL,
    to_connection     text NOT NULL,
    every_seconds     bigint NOT NULL CHECK (every_seconds BETWEEN 60 AND 2678400),
    -- The settings that are set: defaults are not stored.
    settings          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    -- The end of the last window that was delivered; null makes the next run a full load.
    latest_timestamp  timestamptz CHECK (latest_timestamp = date_trunc('second', latest_timestamp)),
    elapsed_seconds   double precision,
    total_updates     bigint,
    -- Increases with each change by a user. A change names the version that it was made from, and a run
    -- sets latest_timestamp only if no user has changed it meanwhile.
    version           bigint NOT NULL DEFAULT 1,
    paused            boolean NOT NULL DEFAULT false,
    note              text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
    created_by        text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT now(),
    -- When the schedule last woke the sync, and when a run last succeeded.
    woken_at          timestamptz,
    succeeded_at      timestamptz,
    -- What freshness is counted from: the end of the last window that was delivered, whatever a user has
    -- made of latest_timestamp, or the creation.
    current_to        timestamptz NOT NULL DEFAULT date_trunc('second', now()),
    -- When the alarm was raised; null if there is none. Alarms are numbered.
    alarmed_at        timestamptz,
    alarms            bigint NOT NULL DEFAULT 0,
    -- When Temporal's schedule was last compared with this row, and the version that it then had.
    compared_at       timestamptz,
    applied_version   bigint NOT NULL DEFAULT 0
);

-- The records of a list that deletions are found by, as compressed sets of ids.
CREATE TABLE sync_known (
    sync        text PRIMARY KEY REFERENCES syncs ON DELETE CASCADE,
    known       bytea CHECK (octet_length(known) <= 268435456),
    -- Those that were missing at the last scan.
    missing     bytea CHECK (octet_length(missing) <= 268435456),
    scanned_at  timestamptz NOT NULL,
    -- Figures of the last scan; exceeded means that nothing was opted out because too many were missing.
    found       bigint NOT NULL,
    missing_count bigint NOT NULL,
    deleted     bigint NOT NULL,
    exceeded    boolean NOT NULL
);
ALTER TABLE sync_known ALTER COLUMN known SET STORAGE EXTERNAL, ALTER COLUMN missing SET STORAGE EXTERNAL;

-- The runs of a sync. At most one is running.
CREATE TABLE sync_runs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync          text NOT NULL REFERENCES syncs ON DELETE CASCADE,
    kind          text NOT NULL CHECK (kind IN ('full', 'update')),
    status        text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled')),
    requested_by  text NOT NULL DEFAULT '',
    -- The window, closed at both ends; since is null for a full load.
    since         timestamptz,
    until         timestamptz NOT NULL,
    -- The version of the sync when the run began.
    sync_version  bigint NOT NULL,
    -- The reader's place after the last page that was delivered.
    cursor        jsonb CHECK (length(cursor::text) <= 16384),
    done          boolean NOT NULL DEFAULT false,
    -- Increases with each attempt. Checkpoints with a lower one are refused.
    fencing_token bigint NOT NULL DEFAULT 0,
    skip          bigint NOT NULL DEFAULT 0 CHECK (skip >= 0),
    pages         bigint NOT NULL DEFAULT 0,
    read          bigint NOT NULL DEFAULT 0,
    delivered     bigint NOT NULL DEFAULT 0,
    rejected      bigint NOT NULL DEFAULT 0,
    skipped       bigint NOT NULL DEFAULT 0,
    -- What the source has announced: the records of the window, and, after a full load, those of the list.
    announced     bigint NOT NULL DEFAULT 0,
    source_count  bigint,
    error         text NOT NULL DEFAULT '' CHECK (length(error) <= 2000),
    error_class   text NOT NULL DEFAULT '',
    started_at    timestamptz NOT NULL DEFAULT now(),
    progressed_at timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    CHECK ((status = 'running') = (ended_at IS NULL)),
    CHECK (read = delivered + rejected)
);
CREATE UNIQUE INDEX sync_runs_running ON sync_runs (sync) WHERE status = 'running';
CREATE INDEX sync_runs_sync ON sync_runs (sync, id DESC);

-- The checkpoints of a run, one for each page. ids is the compressed set of the records that were
-- delivered, until a scan has taken it over.
CREATE TABLE sync_pages (
    run_id     bigint NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    page       bigint NOT NULL,
    read       bigint NOT NULL,
    delivered  bigint NOT NULL,
    rejected   bigint NOT NULL,
    skipped    bigint NOT NULL,
    ids        bytea,
    stored_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, page)
);
ALTER TABLE sync_pages ALTER COLUMN ids SET STORAGE EXTERNAL;

-- The records that are not delivered as they are, by their ids. A row goes when the record is delivered.
CREATE TABLE sync_rejects (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync         text NOT NULL REFERENCES syncs ON DELETE CASCADE,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
    -- The source's record has no valid id: it cannot be read again by it.
    unidentified boolean NOT NULL,
    stage        text NOT NULL CHECK (stage IN ('read', 'map', 'write')),
    reason       text NOT NULL CHECK (length(reason) <= 500),
    run_id       bigint REFERENCES sync_runs ON DELETE SET NULL,
    times        bigint NOT NULL DEFAULT 1,
    first_at     timestamptz NOT NULL DEFAULT now(),
    last_at      timestamptz NOT NULL DEFAULT now(),
    -- When a retry was requested; null if none is waiting.
    retry_at     timestamptz,
    UNIQUE (sync, key)
);
CREATE INDEX sync_rejects_retry ON sync_rejects (sync, id) WHERE retry_at IS NOT NULL;

-- The connections of an account that may be open at the same time, over all workers.
CREATE TABLE sync_slots (
    account    text NOT NULL CHECK (length(account) BETWEEN 1 AND 200),
    slot       integer NOT NULL CHECK (slot >= 1),
    holder     text,
    -- Increases with each holder.
    token      bigint NOT NULL DEFAULT 0,
    -- By the clock of this database. A slot is free from then on.
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (account, slot)
);

-- The time of the next request of an account that is not yet reserved, over all workers.
CREATE TABLE sync_rates (
    account text PRIMARY KEY CHECK (length(account) BETWEEN 1 AND 200),
    next_at timestamptz NOT NULL
);

