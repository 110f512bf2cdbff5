-- +goose Up

-- A site is an analytics property: the tenant of everything analytic.
CREATE TABLE sites (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain       text NOT NULL UNIQUE CHECK (domain = lower(domain) AND length(domain) BETWEEN 1 AND 253),
    time_zone    text NOT NULL DEFAULT 'UTC',
    -- First day with native data; imports end the day before. Null: no native data yet.
    native_start date,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE imports (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id          bigint NOT NULL REFERENCES sites (id),
    source           text NOT NULL,
    label            text NOT NULL,
    args             jsonb NOT NULL,
    status           text NOT NULL DEFAULT 'queued'
                     CHECK (status IN ('queued', 'running', 'parked', 'completed', 'failed', 'cancelled', 'deleting')),
    phase            text NOT NULL DEFAULT 'queued'
                     CHECK (phase IN ('queued', 'before_start', 'planning', 'loading', 'on_success', 'on_failure',
                                      'clean_up', 'completed', 'failed', 'cancelled')),
    -- What happens when a part's retries are exhausted.
    on_part_failure  text NOT NULL CHECK (on_part_failure IN ('park', 'fail')),
    -- An import fails when a part has more rejects than both figures allow.
    max_rejects      bigint NOT NULL CHECK (max_rejects >= 0),
    max_reject_share double precision NOT NULL CHECK (max_reject_share BETWEEN 0 AND 1),
    -- Limits of a chunk, fixed so that every attempt cuts the same chunks.
    chunk_rows       integer NOT NULL CHECK (chunk_rows BETWEEN 1 AND 1000000),
    chunk_bytes      integer NOT NULL CHECK (chunk_bytes > 0),
    parallelism      integer NOT NULL CHECK (parallelism BETWEEN 1 AND 64),
    -- The days that the source has, null until planned, and those of them that are
    -- imported: a list of {"first": day, "last": day}.
    start_date       date,
    end_date         date,
    days             jsonb NOT NULL DEFAULT '[]',
    -- Why the last attempt at something failed, while it is being tried again.
    trouble          text NOT NULL DEFAULT '',
    error            text NOT NULL DEFAULT '',
    error_class      text NOT NULL DEFAULT '',
    workflow_id      text NOT NULL DEFAULT '',
    run_id           text NOT NULL DEFAULT '',
    -- Raised when a failed import is run again by a reset of its workflow.
    generation       integer NOT NULL DEFAULT 0,
    idempotency_key  text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    UNIQUE (site_id, idempotency_key)
);

CREATE INDEX imports_by_site ON imports (site_id, id DESC);
-- At most one import of a site is under way: days must not overlap, and the
-- database is the only place where two starts at once can be told apart.
CREATE UNIQUE INDEX imports_one_active ON imports (site_id) WHERE status IN ('queued', 'running', 'parked');
-- What the reconciler looks for: imports whose workflow was never started.
CREATE INDEX imports_unstarted ON imports (created_at) WHERE run_id = '' AND status IN ('queued', 'deleting');

CREATE TABLE parts (
    import_id         bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    no                integer NOT NULL CHECK (no >= 0),
    table_name        text NOT NULL,
    label             text NOT NULL,
    args              jsonb NOT NULL,
    status            text NOT NULL DEFAULT 'pending'
                      CHECK (status IN ('pending', 'running', 'done', 'parked', 'skipped', 'failed')),
    bytes_total       bigint NOT NULL DEFAULT 0,
    bytes_read        bigint NOT NULL DEFAULT 0,
    -- Raised by every attempt; a write that carries an older fence is refused.
    fence             bigint NOT NULL DEFAULT 0,
    next_chunk        integer NOT NULL DEFAULT 0,
    cursor            text NOT NULL DEFAULT '',
    rows_read         bigint NOT NULL DEFAULT 0,
    rows_loaded       bigint NOT NULL DEFAULT 0,
    rows_rejected     bigint NOT NULL DEFAULT 0,
    rows_out_of_range bigint NOT NULL DEFAULT 0,
    error             text NOT NULL DEFAULT '',
    started_at        timestamptz,
    finished_at       timestamptz,
    PRIMARY KEY (import_id, no)
);

-- A chunk is recorded once the warehouse has acknowledged it: the checkpoint.
CREATE TABLE chunks (
    import_id         bigint NOT NULL,
    part_no           integer NOT NULL,
    no                integer NOT NULL,
    -- Where the chunk starts, so that it can be read again to repair it.
    cursor            text NOT NULL,
    rows_read         bigint NOT NULL,
    rows_loaded       bigint NOT NULL,
    rows_rejected     bigint NOT NULL,
    rows_out_of_range bigint NOT NULL,
    -- How often the chunk was purged and loaded anew; part of its token.
    repair            integer NOT NULL DEFAULT 0,
    PRIMARY KEY (import_id, part_no, no),
    FOREIGN KEY (import_id, part_no) REFERENCES parts (import_id, no) ON DELETE CASCADE,
    CHECK (rows_read = rows_loaded + rows_rejected + rows_out_of_range)
);

-- The log of an import that users see.
CREATE TABLE feedback (
    import_id bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    seq       integer NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    level     text NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    message   text NOT NULL,
    -- Names the occasion, so that a retried activity does not say it twice.
    occasion  text NOT NULL,
    PRIMARY KEY (import_id, seq),
    UNIQUE (import_id, occasion)
);
