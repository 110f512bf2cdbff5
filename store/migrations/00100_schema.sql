-- +goose Up

-- The schema of the store, by product: shared, importing, delivery, dispatch, ingesting.

--
-- Shared
--

-- A site is an analytics property: the tenant of imports and events.
CREATE TABLE sites (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain       text NOT NULL UNIQUE CHECK (domain = lower(domain) AND length(domain) BETWEEN 1 AND 253),
    time_zone    text NOT NULL DEFAULT 'UTC',
    -- The first day with native data; imports end the day before. Null: no native data yet.
    native_start date,
    -- E-mail addresses that are notified of all imports of the site.
    contacts     text[] NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- Named credentials and settings of an external system. Only the names of secrets are in clear.
CREATE TABLE connections (
    name         text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    kind         text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,49}$'),
    settings     jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    -- Lists show the names without the key set.
    secret_names text[] NOT NULL,
    -- The encrypted secrets. Name and kind are authenticated: a copy in another row does not open.
    sealed       bytea NOT NULL,
    -- The key of the key set that sealed them.
    key_id       bigint NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    -- Increases with each change. A change names the version that it replaces.
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);

-- Identifies the key set by a text that was sealed with it. A process with another key set cannot
-- open the text, and must not seal secrets.
CREATE TABLE connection_keyset (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    key_id     bigint NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    sealed     bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The running worker processes and the components of each. A worker whose heartbeat is too old is not
-- live: the next heartbeat of another worker deletes its row.
CREATE TABLE workers (
    id           text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    -- Process ID and host, as "4711@host".
    process      text NOT NULL CHECK (length(process) <= 300),
    version      text NOT NULL CHECK (length(version) <= 200),
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    -- Names and labels of importers, destinations with their actions, and connection kinds.
    offers       jsonb NOT NULL CHECK (octet_length(offers::text) <= 1048576)
);

--
-- Importing
--

CREATE TABLE imports (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Identifies the import beyond its number, which a restored database assigns again.
    uid              text NOT NULL DEFAULT gen_random_uuid()::text,
    site_id          bigint NOT NULL REFERENCES sites (id),
    source           text NOT NULL,
    label            text NOT NULL,
    args             jsonb NOT NULL,
    -- A repeated start with the same key returns the existing import.
    idempotency_key  text,
    -- The requester, whom require_second_approver excludes from the review.
    requested_by     text NOT NULL DEFAULT '',
    -- The schedule that started the import; '' for none.
    schedule         text NOT NULL DEFAULT '',
    -- E-mail addresses that are notified in addition to the site's contacts.
    notify           text[] NOT NULL DEFAULT '{}',

    -- Action after the retries of a part are exhausted.
    on_part_failure  text NOT NULL CHECK (on_part_failure IN ('park', 'fail')),
    -- A part fails when its rejected rows exceed both the number and the share.
    max_rejects      bigint NOT NULL CHECK (max_rejects >= 0),
    max_reject_share double precision NOT NULL CHECK (max_reject_share BETWEEN 0 AND 1),
    -- A part fails at its end if more than this share of its rows was rejected; 0 for no such limit.
    max_reject_ceiling double precision NOT NULL DEFAULT 0.5 CHECK (max_reject_ceiling BETWEEN 0 AND 1),
    -- Limits of a chunk, fixed so that every attempt cuts the same chunks.
    chunk_rows       integer NOT NULL CHECK (chunk_rows BETWEEN 1 AND 1000000),
    chunk_bytes      integer NOT NULL CHECK (chunk_bytes > 0),
    parallelism      integer NOT NULL CHECK (parallelism BETWEEN 1 AND 64),
    -- Rows per second of all parts together; 0 for no limit.
    rate             bigint NOT NULL DEFAULT 0 CHECK (rate >= 0),

    -- Whether the rows wait for a decision before they become visible.
    review           boolean NOT NULL DEFAULT false,
    require_second_approver boolean NOT NULL DEFAULT false,
    -- The reminder and the expiry of a review, in seconds after its begin.
    review_reminder_s bigint NOT NULL DEFAULT 86400 CHECK (review_reminder_s > 0),
    review_expiry_s  bigint NOT NULL DEFAULT 1209600 CHECK (review_expiry_s > 0),

    status           text NOT NULL DEFAULT 'queued' CHECK (status IN
                     ('queued', 'running', 'parked', 'in_review', 'completed', 'unchanged', 'failed', 'cancelled',
                      'declined', 'deleting')),
    phase            text NOT NULL DEFAULT 'queued' CHECK (phase IN
                     ('queued', 'before_start', 'locking', 'planning', 'loading', 'in_review', 'staging_done',
                      'finalize', 'clean_up', 'on_failure', 'completed', 'unchanged', 'failed', 'cancelled',
                      'declined')),
    paused           boolean NOT NULL DEFAULT false,
    -- The end and the reason of a wait for the source.
    wait_until       timestamptz,
    wait_reason      text NOT NULL DEFAULT '',
    -- The error of the last attempt, while it is retried.
    attempt_error    text NOT NULL DEFAULT '',
    error            text NOT NULL DEFAULT '',
    error_class      text NOT NULL DEFAULT '',
    -- The unsuccessful end that has begun. A new run of the workflow resumes with it.
    ending           text NOT NULL DEFAULT '' CHECK (ending IN ('', 'failed', 'cancelled', 'declined')),
    ending_class     text NOT NULL DEFAULT '',
    ending_reason    text NOT NULL DEFAULT '',

    -- The days that the source has, null until planned, and those of them that are imported: a list
    -- of {"first": day, "last": day}.
    start_date       date,
    end_date         date,
    days             jsonb NOT NULL DEFAULT '[]',
    -- Whether the import owns its days: no other import may bring them in. Set when it begins to wait
    -- for a decision or to become visible.
    days_claimed     boolean NOT NULL DEFAULT false,
    -- Hash of the imported content, by which a repetition is recognised; '' if the importer has none.
    fingerprint      text NOT NULL DEFAULT '',
    -- The grant of locks under which the import writes; 0 without one. Writes under another are refused.
    fencing_token    bigint NOT NULL DEFAULT 0,

    workflow_id      text NOT NULL DEFAULT '',
    run_id           text NOT NULL DEFAULT '',
    -- Increases when a reset of its workflow runs a failed import again. Part of the tokens of inserts.
    generation       integer NOT NULL DEFAULT 0,
    -- The last comparison with the workflow.
    compared_at      timestamptz NOT NULL DEFAULT now(),
    -- Restarts of the workflow since it last ran for a minute, and the earliest time of the next.
    recoveries       integer NOT NULL DEFAULT 0,
    recover_after    timestamptz,
    -- Since when the workflow is ahead of this row, as after a restore of an older backup.
    behind_since     timestamptz,
    -- The error of a failing workflow task; '' if none fails.
    workflow_fault   text NOT NULL DEFAULT '',

    created_at       timestamptz NOT NULL DEFAULT now(),
    -- When before_start found that the source can be imported.
    checked_at       timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz,
    -- When the workflow had done all that follows the import's end (dispatch, on_success). Until then a
    -- lost workflow is restarted.
    closed_at        timestamptz,
    UNIQUE (site_id, idempotency_key)
);
CREATE INDEX imports_by_site ON imports (site_id, id DESC);
CREATE INDEX imports_active ON imports (site_id) WHERE status IN ('queued', 'running', 'parked', 'in_review');
CREATE INDEX imports_by_fingerprint ON imports (site_id, source, fingerprint)
    WHERE status = 'completed' AND fingerprint <> '';
CREATE INDEX imports_by_end ON imports (finished_at) WHERE finished_at IS NOT NULL;
-- Reconciliation: workflows that were never started, that were not compared lately, whose tasks fail.
CREATE INDEX imports_unstarted ON imports (created_at) WHERE run_id = '' AND status IN ('queued', 'deleting');
CREATE INDEX imports_uncompared ON imports (compared_at) WHERE closed_at IS NULL OR status = 'deleting';
CREATE INDEX imports_faulty ON imports (id) WHERE workflow_fault <> '';

-- Results of the importer's callbacks. Lists of imports do not read them.
CREATE TABLE import_data (
    import_id bigint PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    -- The result of before_start.
    checked   jsonb CHECK (octet_length(checked::text) <= 8192),
    -- The summary for reviewers.
    summary   jsonb CHECK (octet_length(summary::text) <= 65536)
);

CREATE TABLE parts (
    import_id         bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    no                integer NOT NULL CHECK (no >= 0),
    table_name        text NOT NULL,
    label             text NOT NULL,
    args              jsonb NOT NULL,
    status            text NOT NULL DEFAULT 'waiting'
                      CHECK (status IN ('waiting', 'running', 'done', 'parked', 'skipped', 'failed')),
    error             text NOT NULL DEFAULT '',
    -- Increases with each attempt. Writes under an older one are refused.
    fencing_token     bigint NOT NULL DEFAULT 0,
    -- The checkpoint: the next chunk and its place in the source.
    next_chunk        integer NOT NULL DEFAULT 0,
    cursor            text NOT NULL DEFAULT '',
    bytes_total       bigint NOT NULL DEFAULT 0,
    bytes_read        bigint NOT NULL DEFAULT 0,
    rows_read         bigint NOT NULL DEFAULT 0,
    rows_loaded       bigint NOT NULL DEFAULT 0,
    rows_rejected     bigint NOT NULL DEFAULT 0,
    rows_out_of_range bigint NOT NULL DEFAULT 0,
    rows_left_out     bigint NOT NULL DEFAULT 0,
    -- The days that the part declares, for instance by a file's name: a list of {"first": day, "last":
    -- day}. Rows of other days are out of range.
    days              jsonb NOT NULL DEFAULT '[]',
    -- Those of its days that no other import holds in the part's table and that precede native data.
    -- Rows of its other days are left out.
    free_days         jsonb NOT NULL DEFAULT '[]',
    -- The first and the last day of the loaded rows.
    first_day         date,
    last_day          date,
    -- The days that a part which is done claims: those that its source has confirmed, or from first_day
    -- to last_day.
    claimed_days      jsonb NOT NULL DEFAULT '[]',
    started_at        timestamptz,
    -- With the status waiting: the import ended before the part was loaded.
    finished_at       timestamptz,
    PRIMARY KEY (import_id, no)
);

-- Results of import_data, one for each part.
CREATE TABLE part_data (
    import_id bigint NOT NULL,
    part_no   integer NOT NULL,
    data      jsonb NOT NULL CHECK (octet_length(data::text) <= 8192),
    PRIMARY KEY (import_id, part_no),
    FOREIGN KEY (import_id, part_no) REFERENCES parts (import_id, no) ON DELETE CASCADE
);

-- Chunks that the warehouse has acknowledged.
CREATE TABLE chunks (
    import_id         bigint NOT NULL,
    part_no           integer NOT NULL,
    no                integer NOT NULL,
    -- The begin of the chunk, from which a repair reads it again.
    cursor            text NOT NULL,
    rows_read         bigint NOT NULL,
    rows_loaded       bigint NOT NULL,
    rows_rejected     bigint NOT NULL,
    rows_out_of_range bigint NOT NULL,
    rows_left_out     bigint NOT NULL DEFAULT 0,
    -- How often the chunk was purged and loaded again. Part of its token.
    repair            integer NOT NULL DEFAULT 0,
    PRIMARY KEY (import_id, part_no, no),
    FOREIGN KEY (import_id, part_no) REFERENCES parts (import_id, no) ON DELETE CASCADE,
    CHECK (rows_read = rows_loaded + rows_rejected + rows_out_of_range + rows_left_out)
);

-- The log of an import for users.
CREATE TABLE feedback (
    import_id bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    seq       integer NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    level     text NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    message   text NOT NULL,
    -- Identifies the occasion, so that a retried activity does not repeat the line.
    occasion  text NOT NULL,
    -- A warning that several parts give in the same words is one line, with the labels of the parts and
    -- the sum of their rows.
    parts     text[] NOT NULL DEFAULT '{}',
    rows      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (import_id, seq),
    UNIQUE (import_id, occasion)
);

-- The resources that an import locks, fixed at its creation.
CREATE TABLE dependencies (
    import_id bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    resource  text NOT NULL CHECK (length(resource) BETWEEN 1 AND 200),
    shared    boolean NOT NULL,
    PRIMARY KEY (import_id, resource)
);

-- Imports that wait for their locks or hold them; all of an import's locks are granted at once.
CREATE TABLE lock_requests (
    import_id     bigint PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    site_id       bigint NOT NULL,
    -- The order of the requests, in which locks are granted.
    seq           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    requested_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted_at    timestamptz,
    -- From lock_fencing_tokens: each grant has a higher one than all earlier grants.
    fencing_token bigint,
    -- When the workflow acknowledged the grant. Until then, reconciliation notifies it.
    taken_at      timestamptz,
    CHECK ((granted_at IS NULL) = (fencing_token IS NULL))
);
CREATE INDEX lock_requests_granted ON lock_requests (granted_at) WHERE granted_at IS NOT NULL;
CREATE SEQUENCE lock_fencing_tokens;

-- The resources of lock requests. They repeat dependencies so that the search for conflicts reads live
-- requests only.
CREATE TABLE lock_resources (
    resource  text NOT NULL,
    import_id bigint NOT NULL REFERENCES lock_requests (import_id) ON DELETE CASCADE,
    seq       bigint NOT NULL,
    shared    boolean NOT NULL,
    PRIMARY KEY (resource, seq)
);
CREATE INDEX lock_resources_by_import ON lock_resources (import_id);

-- The log of grants, which proves afterwards that no two conflicting ones overlapped.
CREATE TABLE lock_grants (
    fencing_token bigint PRIMARY KEY,
    import_id     bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    seq           bigint NOT NULL,
    requested_at  timestamptz NOT NULL,
    granted_at    timestamptz NOT NULL,
    released_at   timestamptz
);
CREATE INDEX lock_grants_by_import ON lock_grants (import_id);

-- Reviews: exactly one decision for each generation of an import.
CREATE TABLE reviews (
    import_id  bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    decision   text CHECK (decision IN ('accepted', 'declined')),
    decided_by text NOT NULL DEFAULT '',
    reason     text NOT NULL DEFAULT '',
    decided_at timestamptz,
    -- The error of the last attempt to record an acceptance.
    error      text NOT NULL DEFAULT '',
    PRIMARY KEY (import_id, generation),
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX reviews_open ON reviews (opened_at) WHERE decision IS NULL;

-- Schedules of imports. Temporal runs them; this table is the system of record.
CREATE TABLE schedules (
    name        text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
    -- The import and the times, as the starter encodes them. json keeps the arguments byte by byte.
    definition  json NOT NULL,
    paused      boolean NOT NULL DEFAULT false,
    note        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- When its deletion was requested. The row is deleted after Temporal has deleted the schedule.
    deleted_at  timestamptz,
    -- The last comparison with Temporal's schedule.
    compared_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX schedules_uncompared ON schedules (compared_at);

--
-- Delivery
--

-- Events as received; they never change. Jobs deliver transformed copies.
CREATE TABLE events (
    -- A UUID of version 7: the order of IDs is that of creation.
    id              text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    source          text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    name            text NOT NULL DEFAULT '' CHECK (length(name) <= 100),
    version         text NOT NULL DEFAULT '' CHECK (length(version) <= 100),
    context         jsonb NOT NULL DEFAULT '{}',
    data            jsonb NOT NULL DEFAULT '{}',
    -- The event of which this one is a part.
    parent_event_id text REFERENCES events (id) ON DELETE CASCADE,
    -- A repeated event with the same key is ignored.
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    sent_at         timestamptz,
    received_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, idempotency_key)
);
CREATE INDEX events_by_source ON events (source, id DESC);
CREATE INDEX events_by_time ON events (received_at);
CREATE INDEX events_by_parent ON events (parent_event_id) WHERE parent_event_id IS NOT NULL;

-- A job delivers one event to one action of a destination.
CREATE TABLE jobs (
    id            text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    destination   text NOT NULL CHECK (length(destination) BETWEEN 1 AND 50),
    action        text NOT NULL CHECK (length(action) BETWEEN 1 AND 50),
    version       text NOT NULL DEFAULT '' CHECK (length(version) <= 100),
    context       jsonb NOT NULL DEFAULT '{}',
    data          jsonb NOT NULL DEFAULT '{}',
    -- The connection of the job, or "@" and the destination if data names none. Health, concurrency and
    -- rate are kept for each. No name of a connection has an "@".
    connection    text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN data->>'connection' ~ '^[a-z0-9][a-z0-9_-]{0,62}$' THEN data->>'connection' ELSE '@' || destination END
    ) STORED,
    event_id      text NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    -- The job whose outcome created this one, and the actions from the first job to it, which bound the
    -- length of a chain and reveal cycles.
    parent_job_id text REFERENCES jobs (id) ON DELETE CASCADE,
    lineage       text[] NOT NULL DEFAULT '{}' CHECK (cardinality(lineage) <= 8),
    -- The job that this one repeats.
    replay_of     text REFERENCES jobs (id) ON DELETE SET NULL,
    -- The process that created the job does not have its destination: data and context are the input of
    -- the action's Marshal, not its result. The worker that claims the job prepares it.
    unprepared    boolean NOT NULL DEFAULT false,
    state         text NOT NULL DEFAULT 'acknowledged' CHECK (state IN
                  ('acknowledged', 'awaiting', 'executing', 'succeeded', 'failed', 'discarded', 'unknown',
                   'cancelled', 'held')),
    -- The number of attempts, including the current one. A retry by an operator resets it.
    attempt       integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- Whether an attempt has failed or its result was lost. Claims take other jobs first.
    has_failed    boolean NOT NULL DEFAULT false,
    -- The time of the next attempt; null if there is none.
    due_at        timestamptz DEFAULT now(),
    -- The end of the lease of the current attempt. Jobs of a batch have the same.
    lease_expires_at timestamptz,
    -- Increases with each attempt. Outcomes under an older one are refused.
    fencing_token bigint NOT NULL DEFAULT 0,
    -- The last failure: {"message": text}, and {"by": name} for an action of an operator.
    last_error    jsonb NOT NULL DEFAULT '{}',
    sent_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    CHECK ((state = 'executing') = (lease_expires_at IS NOT NULL)),
    CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'discarded', 'cancelled'))),
    CHECK (state NOT IN ('succeeded', 'discarded', 'cancelled', 'held', 'executing') OR due_at IS NULL),
    CHECK (state NOT IN ('acknowledged', 'awaiting', 'failed') OR due_at IS NOT NULL)
);
-- Each index costs every change of a job, and a job changes three times.
-- Claims: from connection to connection, and in one from jobs that have not failed to those that have.
CREATE INDEX jobs_due ON jobs (destination, action, connection, has_failed, due_at, id) WHERE due_at IS NOT NULL;
-- Batches in flight, counted by the end of their lease.
CREATE INDEX jobs_executing ON jobs (connection, lease_expires_at) WHERE state = 'executing';
-- Lists. Almost all jobs have succeeded; the time of creation follows the order of the table.
CREATE INDEX jobs_by_action ON jobs (destination, action, state, id DESC);
CREATE INDEX jobs_by_state ON jobs (state, id DESC) WHERE state <> 'succeeded';
CREATE INDEX jobs_by_time ON jobs USING brin (created_at);
CREATE INDEX jobs_by_event ON jobs (event_id);
CREATE INDEX jobs_by_parent ON jobs (parent_job_id) WHERE parent_job_id IS NOT NULL;
CREATE INDEX jobs_by_original ON jobs (replay_of) WHERE replay_of IS NOT NULL;

-- The legal transitions of a job's state. The check of transitions applies them to every program.
-- +goose StatementBegin
CREATE FUNCTION job_may_move(state_before text, state_after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE state_before
    WHEN 'acknowledged' THEN state_after IN ('awaiting', 'executing', 'cancelled', 'held')
    WHEN 'awaiting'     THEN state_after IN ('executing', 'cancelled', 'held')
    WHEN 'executing'    THEN state_after IN ('awaiting', 'succeeded', 'failed', 'discarded', 'unknown')
    WHEN 'failed'       THEN state_after IN ('awaiting', 'executing', 'cancelled', 'held')
    WHEN 'unknown'      THEN state_after IN ('awaiting', 'executing', 'succeeded', 'discarded', 'cancelled', 'held')
    WHEN 'discarded'    THEN state_after = 'awaiting'
    WHEN 'cancelled'    THEN state_after = 'awaiting'
    WHEN 'held'         THEN state_after IN ('awaiting', 'cancelled')
    WHEN 'succeeded'    THEN false
    ELSE state_before IS NULL AND state_after = 'acknowledged'
END;
-- +goose StatementEnd

-- The history of jobs: a row for each change of state, inserted by the triggers below alone. A foreign
-- key to jobs would cost as much as the row; jobs_delete_history deletes the rows instead.
CREATE TABLE transitions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id       text NOT NULL,
    state_before text,
    state_after  text NOT NULL,
    attempt      integer NOT NULL,
    error        jsonb NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT transitions_legal CHECK (job_may_move(state_before, state_after))
);
CREATE INDEX transitions_by_job ON transitions (job_id, id);

-- +goose StatementBegin
CREATE FUNCTION record_new_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transitions (job_id, state_after, attempt, error)
    SELECT n.id, n.state, n.attempt, n.last_error FROM new_jobs n;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_record_new AFTER INSERT ON jobs
REFERENCING NEW TABLE AS new_jobs FOR EACH STATEMENT EXECUTE FUNCTION record_new_jobs();

-- An attempt that begins has no error yet: that of the attempt before has a row of its own.
-- +goose StatementBegin
CREATE FUNCTION record_moved_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transitions (job_id, state_before, state_after, attempt, error)
    SELECT n.id, o.state, n.state, n.attempt, CASE WHEN n.state = 'executing' THEN '{}'::jsonb ELSE n.last_error END
    FROM new_jobs n JOIN old_jobs o ON o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_record_moved AFTER UPDATE ON jobs
REFERENCING OLD TABLE AS old_jobs NEW TABLE AS new_jobs FOR EACH STATEMENT EXECUTE FUNCTION record_moved_jobs();

-- +goose StatementBegin
CREATE FUNCTION delete_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM transitions t USING old_jobs o WHERE t.job_id = o.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_delete_history AFTER DELETE ON jobs
REFERENCING OLD TABLE AS old_jobs FOR EACH STATEMENT EXECUTE FUNCTION delete_history();

-- History is append-only. Retention alone deletes it, together with its job; a setting of the
-- transaction permits it.
-- +goose StatementBegin
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('sluice.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'transitions are append-only: % is refused', lower(TG_OP) USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER transitions_append_only BEFORE UPDATE OR DELETE ON transitions
FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TRIGGER transitions_not_truncated BEFORE TRUNCATE ON transitions
FOR EACH STATEMENT EXECUTE FUNCTION keep_history();
CREATE TRIGGER jobs_not_truncated BEFORE TRUNCATE ON jobs
FOR EACH STATEMENT EXECUTE FUNCTION keep_history();

-- The payloads that operators have replaced.
CREATE TABLE job_edits (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id  text NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT now(),
    by      text NOT NULL,
    context jsonb NOT NULL,
    data    jsonb NOT NULL
);
CREATE INDEX job_edits_by_job ON job_edits (job_id, id);

-- Flows: rules that turn events into jobs.
CREATE TABLE flows (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
    spec       jsonb NOT NULL,
    -- Increases with each change. A flow that is added again after its removal continues the numbers.
    version    bigint NOT NULL CHECK (version > 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT ''
);

-- All versions of all flows. A version without a spec is a removal.
CREATE TABLE flow_versions (
    name    text NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    spec    jsonb,
    at      timestamptz NOT NULL DEFAULT now(),
    by      text NOT NULL DEFAULT '',
    PRIMARY KEY (name, version)
);

-- Events for which a flow failed, kept for a replay after the flow is fixed.
CREATE TABLE flow_faults (
    flow     text NOT NULL,
    event_id text NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    -- The last error.
    reason   text NOT NULL CHECK (length(reason) <= 1000),
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow, event_id)
);
CREATE INDEX flow_faults_by_event ON flow_faults (event_id);

-- Operators' settings of a destination (action '') or one of its actions. Null leaves the program's
-- value.
CREATE TABLE destination_settings (
    destination text NOT NULL CHECK (length(destination) BETWEEN 1 AND 50),
    action      text NOT NULL CHECK (length(action) <= 50),
    paused      boolean NOT NULL DEFAULT false,
    realtime    boolean,
    interval    text CHECK (length(interval) <= 200),
    time_zone   text CHECK (length(time_zone) <= 100),
    max_retries integer CHECK (max_retries BETWEEN 0 AND 65535),
    concurrency integer CHECK (concurrency BETWEEN 1 AND 1000),
    batch_size  integer CHECK (batch_size BETWEEN 1 AND 10000),
    -- Jobs per second.
    rate        double precision CHECK (rate > 0),
    -- Increases with each change. A change names the version that it replaces.
    version     bigint NOT NULL DEFAULT 1,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  text NOT NULL DEFAULT '',
    PRIMARY KEY (destination, action)
);

-- The health of connections. A connection without a row is healthy.
CREATE TABLE connection_health (
    -- As in jobs.
    connection    text PRIMARY KEY CHECK (length(connection) BETWEEN 1 AND 63),
    -- Consecutive failed batches. Below the threshold a batch counts only if it has a job that no other
    -- was counted for: one job that keeps failing is no evidence against its connection.
    failures      integer NOT NULL DEFAULT 0,
    failed_jobs   text[] NOT NULL DEFAULT '{}',
    reason        text NOT NULL DEFAULT '',
    -- Null: the circuit is closed. In the future: open. In the past: half-open, which lets one job at a
    -- time through until one succeeds.
    open_until    timestamptz,
    -- The end of the lease of that job; null if there is none.
    probe_until   timestamptz,
    -- When an operator, or an endpoint that is gone, paused the connection.
    paused_at     timestamptz,
    paused_by     text NOT NULL DEFAULT '',
    paused_reason text NOT NULL DEFAULT '',
    -- When the rate allows the next batch.
    paced_until   timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- record_failed_batch counts a failed batch with the jobs that failed in it. While the circuit is closed
-- it counts if one of them was not counted before; then, and when the probe of a half-open circuit
-- fails, the threshold opens the circuit, for first_seconds and twice as long with each further
-- failure, up to max_seconds. A batch that fails while the circuit is open was claimed before, and
-- does not count.
-- +goose StatementBegin
CREATE FUNCTION record_failed_batch(
    for_connection text, jobs text[], why text, threshold integer, first_seconds double precision, max_seconds double precision
) RETURNS SETOF connection_health LANGUAGE plpgsql AS $$
DECLARE
    health connection_health%ROWTYPE;
    news   text[];
BEGIN
    INSERT INTO connection_health (connection) VALUES (for_connection) ON CONFLICT DO NOTHING;
    SELECT * INTO health FROM connection_health h WHERE h.connection = for_connection FOR UPDATE;
    news := ARRAY(SELECT n FROM unnest(jobs) n WHERE NOT n = ANY (health.failed_jobs) LIMIT 1);
    IF health.open_until <= now() OR health.open_until IS NULL AND cardinality(news) > 0 THEN
        health.failures := health.failures + 1;
        IF health.open_until IS NULL THEN
            health.failed_jobs := health.failed_jobs || news;
        END IF;
        IF health.failures >= threshold THEN
            health.open_until := now() + make_interval(
                secs => least(max_seconds, first_seconds * 2 ^ least(health.failures - threshold, 20)));
        END IF;
    END IF;
    RETURN QUERY
    UPDATE connection_health h
    SET failures = health.failures, failed_jobs = health.failed_jobs, open_until = health.open_until, reason = why,
        probe_until = NULL, updated_at = now()
    WHERE h.connection = for_connection
    RETURNING h.*;
END $$;
-- +goose StatementEnd

-- A changed connection is retried at once. Other settings also end a pause that an endpoint has caused
-- by being gone. A removed connection leaves nothing behind.
-- +goose StatementBegin
CREATE FUNCTION reset_connection_health() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM connection_health h WHERE h.connection = OLD.name;
        RETURN NULL;
    END IF;
    UPDATE connection_health h SET open_until = now(), probe_until = NULL, updated_at = now()
    WHERE h.connection = OLD.name AND h.open_until > now();
    IF OLD.settings IS DISTINCT FROM NEW.settings THEN
        UPDATE connection_health h
        SET paused_at = NULL, paused_by = '', paused_reason = '', updated_at = now()
        WHERE h.connection = OLD.name AND h.paused_by = 'sluice';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER connections_reset_health AFTER UPDATE OR DELETE ON connections
FOR EACH ROW EXECUTE FUNCTION reset_connection_health();

-- connection_free_at returns the earliest time at which a batch of a connection can be claimed,
-- -infinity for now, null while the connection is paused. A batch usually ends before its lease: while
-- all are in flight, the result is a few seconds ahead.
-- +goose StatementBegin
CREATE FUNCTION connection_free_at(for_connection text, concurrency integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    health  connection_health%ROWTYPE;
    free_at timestamptz := '-infinity';
    batch   timestamptz := now();
    batches integer := 0;
BEGIN
    SELECT * INTO health FROM connection_health h WHERE h.connection = for_connection;
    IF FOUND THEN
        IF health.paused_at IS NOT NULL THEN
            RETURN NULL;
        END IF;
        free_at := greatest(health.open_until, health.paced_until, '-infinity');
        IF health.open_until IS NOT NULL THEN
            free_at := greatest(free_at, health.probe_until);
        END IF;
    END IF;
    WHILE batches < concurrency LOOP
        SELECT e.lease_expires_at INTO batch FROM jobs e
        WHERE e.connection = for_connection AND e.state = 'executing' AND e.lease_expires_at > batch
        ORDER BY e.lease_expires_at LIMIT 1;
        IF NOT FOUND THEN
            RETURN free_at;
        END IF;
        batches := batches + 1;
    END LOOP;
    RETURN greatest(free_at, least(batch, now() + interval '3 s'));
END $$;
-- +goose StatementEnd

-- claim_jobs claims due jobs of an action: at most row_limit, of each connection in turn, from the
-- one after "after". It skips connections in busy, paused ones, those with an open circuit, those with
-- as many batches in flight as concurrency says, and those whose rate (jobs per second, 0 for none) does
-- not allow a batch yet. A half-open circuit lets one job through. Within a connection jobs that have
-- not failed come first; a fifth of a batch is for the others, so that neither starve.
-- +goose StatementBegin
CREATE FUNCTION claim_jobs(
    for_destination text, for_action text, row_limit integer, concurrency integer, rate double precision,
    retries_only boolean, lease_seconds double precision, busy text[], after text
) RETURNS SETOF jobs LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    lease     interval := make_interval(secs => lease_seconds);
    position  text := after;
    wrapped   boolean := after = '';
    current   text;
    half_open boolean;
    free      integer := row_limit;
    want      integer;
    reserve   integer;
    fresh     text[];
    failed    text[];
    picked    text[] := '{}';
BEGIN
    IF EXISTS (SELECT 1 FROM destination_settings s
               WHERE s.destination = for_destination AND s.action IN ('', for_action) AND s.paused) THEN
        RETURN;
    END IF;
    -- The statements below see what another claim has taken. With more than one batch at a time one
    -- too many does no harm.
    IF concurrency = 1 OR rate > 0 THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('claim jobs of ' || for_destination, 0));
    END IF;
    WHILE free > 0 LOOP
        SELECT j.connection INTO current FROM jobs j
        WHERE j.destination = for_destination AND j.action = for_action AND j.due_at IS NOT NULL
          AND j.connection > position
        ORDER BY j.connection LIMIT 1;
        IF NOT FOUND THEN
            EXIT WHEN wrapped;
            wrapped := true;
            position := '';
            CONTINUE;
        END IF;
        EXIT WHEN wrapped AND after <> '' AND current > after;
        position := current;
        CONTINUE WHEN current = ANY (busy);
        CONTINUE WHEN coalesce(connection_free_at(current, concurrency), 'infinity') > now();

        SELECT h.open_until IS NOT NULL INTO half_open FROM connection_health h WHERE h.connection = current;
        half_open := coalesce(half_open, false);
        want := CASE WHEN half_open THEN 1 WHEN rate > 0 THEN least(free, greatest(1, floor(rate)::integer)) ELSE free END;
        fresh := ARRAY(
            SELECT j.id FROM jobs j
            WHERE j.destination = for_destination AND j.action = for_action AND j.connection = current
              AND NOT j.has_failed AND j.due_at <= now() AND NOT (retries_only AND j.state = 'acknowledged')
            ORDER BY j.due_at, j.id LIMIT want FOR UPDATE SKIP LOCKED);
        -- Every fifth batch of one job is a job that has failed.
        reserve := CASE WHEN half_open THEN 0 ELSE floor(want / 5.0 + random())::integer END;
        failed := ARRAY(
            SELECT j.id FROM jobs j
            WHERE j.destination = for_destination AND j.action = for_action AND j.connection = current
              AND j.has_failed AND j.due_at <= now()
            ORDER BY j.due_at, j.id LIMIT greatest(reserve, want - cardinality(fresh)) FOR UPDATE SKIP LOCKED);
        fresh := fresh[1:want - cardinality(failed)] || failed;
        CONTINUE WHEN cardinality(fresh) = 0;
        IF half_open THEN
            PERFORM 1 FROM connection_health h
            WHERE h.connection = current AND h.open_until <= now() AND coalesce(h.probe_until, now()) <= now()
            FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            UPDATE connection_health h SET probe_until = now() + lease WHERE h.connection = current;
        END IF;
        IF rate > 0 THEN
            -- A name of no connection leaves nothing behind. The connection "notify" is built in.
            INSERT INTO connection_health AS h (connection, paced_until)
            SELECT current, now() + make_interval(secs => least(86400, cardinality(fresh) / rate))
            WHERE current LIKE '@%' OR current = 'notify' OR EXISTS (SELECT 1 FROM connections c WHERE c.name = current)
            ON CONFLICT (connection) DO UPDATE SET paced_until = excluded.paced_until;
        END IF;
        picked := picked || fresh;
        free := free - cardinality(fresh);
    END LOOP;
    RETURN QUERY
    UPDATE jobs j
    SET state = 'executing', attempt = j.attempt + 1, fencing_token = j.fencing_token + 1, due_at = NULL, updated_at = now(),
        lease_expires_at = now() + lease
    WHERE j.id = ANY (picked)
    RETURNING j.*;
END $$;
-- +goose StatementEnd

-- claim_due claims jobs of several actions in one statement, each by claim_jobs. requests is an array
-- of its arguments. Actions are claimed in the order of their names, so that concurrent claims lock
-- destinations in the same order.
-- +goose StatementBegin
CREATE FUNCTION claim_due(requests jsonb) RETURNS SETOF jobs LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT * FROM jsonb_to_recordset(requests) AS x (
            destination text, action text, row_limit integer, concurrency integer, rate double precision,
            retries_only boolean, lease_seconds double precision, busy text[], after text)
        ORDER BY x.destination, x.action
    LOOP
        RETURN QUERY SELECT * FROM claim_jobs(
            r.destination, r.action, r.row_limit, r.concurrency, r.rate, r.retries_only, r.lease_seconds, r.busy, r.after);
    END LOOP;
END $$;
-- +goose StatementEnd

-- action_backlog counts the jobs of an action that can be claimed now; those that are due and blocked,
-- because the circuit of their connection is open, its rate does not allow a batch yet or other batches
-- are in flight; and all that are waiting; each up to row_limit. next_at is when the next can be claimed
-- or a lease expires.
-- +goose StatementBegin
CREATE FUNCTION action_backlog(
    for_destination text, for_action text, concurrency integer, retries_only boolean, row_limit bigint,
    OUT due bigint, OUT blocked bigint, OUT waiting bigint, OUT next_at timestamptz
) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    current text := '';
    free_at timestamptz;
    first   timestamptz;
    jobs    bigint;
BEGIN
    due := 0;
    blocked := 0;
    SELECT count(*) INTO waiting FROM (
        SELECT 1 FROM jobs j
        WHERE j.destination = for_destination AND j.action = for_action AND j.due_at IS NOT NULL LIMIT row_limit) w;
    SELECT min(j.lease_expires_at) INTO next_at FROM jobs j
    WHERE j.destination = for_destination AND j.action = for_action AND j.state = 'executing';
    LOOP
        SELECT j.connection INTO current FROM jobs j
        WHERE j.destination = for_destination AND j.action = for_action AND j.due_at IS NOT NULL
          AND j.connection > current
        ORDER BY j.connection LIMIT 1;
        EXIT WHEN NOT FOUND;
        free_at := connection_free_at(current, concurrency);
        CONTINUE WHEN free_at IS NULL;
        SELECT least(
            (SELECT j.due_at FROM jobs j
             WHERE j.destination = for_destination AND j.action = for_action AND j.connection = current
               AND NOT j.has_failed AND j.due_at IS NOT NULL AND NOT (retries_only AND j.state = 'acknowledged')
             ORDER BY j.due_at LIMIT 1),
            (SELECT j.due_at FROM jobs j
             WHERE j.destination = for_destination AND j.action = for_action AND j.connection = current
               AND j.has_failed AND j.due_at IS NOT NULL
             ORDER BY j.due_at LIMIT 1)) INTO first;
        CONTINUE WHEN first IS NULL;
        next_at := least(next_at, greatest(first, free_at));
        CONTINUE WHEN first > now();
        SELECT count(*) INTO jobs FROM (
            (SELECT 1 FROM jobs j
             WHERE j.destination = for_destination AND j.action = for_action AND j.connection = current
               AND NOT j.has_failed AND j.due_at <= now() AND NOT (retries_only AND j.state = 'acknowledged')
             LIMIT row_limit)
            UNION ALL
            (SELECT 1 FROM jobs j
             WHERE j.destination = for_destination AND j.action = for_action AND j.connection = current
               AND j.has_failed AND j.due_at <= now()
             LIMIT row_limit)) d;
        IF free_at <= now() THEN
            due := least(due + jobs, row_limit);
        ELSE
            blocked := least(blocked + jobs, row_limit);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

--
-- Dispatch
--

-- Notifications of imports are events of the source sluice, which jobs deliver. They are deleted with
-- their import, also those that were not delivered.
CREATE INDEX events_of_notifications ON events (((context->>'import_id')::bigint)) WHERE source = 'sluice';
-- +goose StatementBegin
CREATE FUNCTION delete_notifications() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('sluice.retention', true), '');
BEGIN
    PERFORM set_config('sluice.retention', 'on', true);
    DELETE FROM events e WHERE e.source = 'sluice' AND (e.context->>'import_id')::bigint = OLD.id;
    PERFORM set_config('sluice.retention', before, true);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER imports_delete_notifications AFTER DELETE ON imports
FOR EACH ROW EXECUTE FUNCTION delete_notifications();

--
-- Ingesting
--

-- The event log of the leases and checkpoints. There is at most one: the sequences of another log begin
-- at 1 again, and its events would be considered written.
CREATE TABLE ingest_log (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    log_id     text NOT NULL CHECK (length(log_id) BETWEEN 1 AND 200),
    partitions integer NOT NULL CHECK (partitions BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The live processes that write partitions, which share the partitions evenly.
CREATE TABLE ingest_holders (
    holder     text PRIMARY KEY CHECK (length(holder) BETWEEN 1 AND 64),
    joined_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- The lease of each partition of the log. It is free if it has no holder or has expired.
CREATE TABLE ingest_leases (
    partition     integer PRIMARY KEY CHECK (partition BETWEEN 0 AND 255),
    holder        text CHECK (length(holder) BETWEEN 1 AND 64),
    -- Increases with each holder. Statements with a lower one are refused.
    fencing_token bigint NOT NULL DEFAULT 0,
    acquired_at   timestamptz,
    -- By the clock of this database.
    expires_at    timestamptz,
    CHECK ((holder IS NULL) = (expires_at IS NULL) AND (holder IS NULL) = (acquired_at IS NULL))
);

-- The progress of each partition.
CREATE TABLE ingest_checkpoints (
    partition     integer PRIMARY KEY REFERENCES ingest_leases (partition),
    -- The sequence after the last range that is written.
    next_sequence bigint NOT NULL DEFAULT 1 CHECK (next_sequence >= 1),
    -- The range that was decided and is not yet written; null if there is none.
    open_from     bigint,
    open_to       bigint,
    -- The fencing token of the writer that decided the range.
    open_token    bigint,
    -- How many repairs of the range were recorded.
    open_repair   bigint,
    state         text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN open_from IS NULL THEN 'idle' WHEN open_repair = 0 THEN 'decided' ELSE 'repairing' END) STORED,
    -- The open sessions before message snapshot_next, in a compressed format.
    snapshot      bytea CHECK (octet_length(snapshot) <= 134217728),
    snapshot_next bigint NOT NULL DEFAULT 0 CHECK (snapshot_next BETWEEN 0 AND next_sequence),
    -- Totals of all ranges that are written.
    ranges        bigint NOT NULL DEFAULT 0,
    events        bigint NOT NULL DEFAULT 0,
    sessions      bigint NOT NULL DEFAULT 0,
    counters      bigint NOT NULL DEFAULT 0,
    poisoned      bigint NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nulls(open_from, open_to, open_token, open_repair) IN (0, 4)),
    CHECK (open_from = next_sequence AND open_to >= open_from AND open_repair >= 0),
    CHECK ((snapshot IS NULL) = (snapshot_next = 0))
);

-- Snapshots are compressed already.
ALTER TABLE ingest_checkpoints ALTER COLUMN snapshot SET STORAGE EXTERNAL;

-- Records of the log that could not be written. The newest of each partition are kept.
CREATE TABLE ingest_poison (
    partition    integer NOT NULL REFERENCES ingest_leases (partition),
    sequence     bigint NOT NULL,
    -- The record's place in its message; -1 is the whole message.
    record_index integer NOT NULL CHECK (record_index >= -1),
    reason       text NOT NULL CHECK (length(reason) <= 500),
    -- The first bytes, with letters, digits and non-ASCII bytes masked.
    sample       bytea NOT NULL CHECK (octet_length(sample) <= 256),
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, sequence, record_index)
);
