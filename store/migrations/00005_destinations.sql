-- +goose Up

-- An event, as it was received. It is never changed: what is sent to destinations are
-- jobs, each with a transformed copy.
CREATE TABLE events (
    -- A UUID of version 7: sorted by it, events stand in the order of their making.
    id              text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    source          text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    -- What about the source made it, for instance the name of an endpoint.
    trigger         text NOT NULL DEFAULT '' CHECK (length(trigger) <= 100),
    version         text NOT NULL DEFAULT '' CHECK (length(version) <= 100),
    context         jsonb NOT NULL DEFAULT '{}',
    data            jsonb NOT NULL DEFAULT '{}',
    -- The event that this one was a part of.
    parent_event_id text REFERENCES events (id) ON DELETE CASCADE,
    -- Names the occasion, so that an event which comes twice stays one.
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    sent_at         timestamptz,
    received_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, idempotency_key)
);
CREATE INDEX events_by_source ON events (source, id DESC);
CREATE INDEX events_by_time ON events (received_at);
CREATE INDEX events_by_parent ON events (parent_event_id) WHERE parent_event_id IS NOT NULL;

-- The moves that a job's state can make. There is one list of them, here, and the
-- check on transitions below applies it to whoever writes, by whatever program.
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

-- A job is one event on its way to one action of a destination.
CREATE TABLE jobs (
    id            text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    destination   text NOT NULL CHECK (length(destination) BETWEEN 1 AND 50),
    action        text NOT NULL CHECK (length(action) BETWEEN 1 AND 50),
    version       text NOT NULL DEFAULT '' CHECK (length(version) <= 100),
    context       jsonb NOT NULL DEFAULT '{}',
    data          jsonb NOT NULL DEFAULT '{}',
    event_id      text NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    -- The job whose outcome made this one, and the actions on the way from the first
    -- one to it: what bounds the length of a chain and keeps it from going in circles.
    parent_job_id text REFERENCES jobs (id) ON DELETE CASCADE,
    lineage       text[] NOT NULL DEFAULT '{}' CHECK (cardinality(lineage) <= 8),
    -- The job that this one repeats.
    replay_of     text REFERENCES jobs (id) ON DELETE SET NULL,
    state         text NOT NULL DEFAULT 'acknowledged' CHECK (state IN
                  ('acknowledged', 'awaiting', 'executing', 'succeeded', 'failed', 'discarded', 'unknown',
                   'cancelled', 'held')),
    -- How many attempts were made, the one under way among them. People who retry a job
    -- set it back.
    attempt       integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- When it is to be loaded; null while nobody is going to.
    due_at        timestamptz DEFAULT now(),
    -- When whoever executes it is taken for dead.
    locked_until  timestamptz,
    -- Raised by every attempt; what an older one has to say is refused.
    fence         bigint NOT NULL DEFAULT 0,
    -- Why it is not succeeded: {"message": text}, and {"by": name} if that was a person.
    last_error    jsonb NOT NULL DEFAULT '{}',
    sent_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    CHECK ((state = 'executing') = (locked_until IS NOT NULL)),
    CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'discarded', 'cancelled'))),
    CHECK (state NOT IN ('succeeded', 'discarded', 'cancelled', 'held', 'executing') OR due_at IS NULL),
    CHECK (state NOT IN ('acknowledged', 'awaiting', 'failed') OR due_at IS NOT NULL)
);
-- What workers ask for.
CREATE INDEX jobs_due ON jobs (destination, action, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_executing ON jobs (destination, action, locked_until) WHERE state = 'executing';
-- What people ask for.
CREATE INDEX jobs_by_action ON jobs (destination, action, state, id DESC);
CREATE INDEX jobs_by_destination ON jobs (destination, id DESC);
CREATE INDEX jobs_by_state ON jobs (state, id DESC);
CREATE INDEX jobs_by_time ON jobs (created_at);
CREATE INDEX jobs_by_event ON jobs (event_id);
CREATE INDEX jobs_by_parent ON jobs (parent_job_id) WHERE parent_job_id IS NOT NULL;
CREATE INDEX jobs_by_original ON jobs (replay_of) WHERE replay_of IS NOT NULL;

-- The history of jobs: a line for each change of state, written by the triggers below
-- and by nobody else.
CREATE TABLE transitions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id       text NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    state_before text,
    state_after  text NOT NULL,
    attempt      integer NOT NULL,
    error        jsonb NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT transitions_legal CHECK (job_may_move(state_before, state_after))
);
CREATE INDEX transitions_by_job ON transitions (job_id, id);

-- +goose StatementBegin
CREATE FUNCTION note_new_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transitions (job_id, state_after, attempt, error)
    SELECT n.id, n.state, n.attempt, n.last_error FROM new_jobs n;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_note_new AFTER INSERT ON jobs
REFERENCING NEW TABLE AS new_jobs FOR EACH STATEMENT EXECUTE FUNCTION note_new_jobs();

-- +goose StatementBegin
CREATE FUNCTION note_moved_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transitions (job_id, state_before, state_after, attempt, error)
    SELECT n.id, o.state, n.state, n.attempt, n.last_error
    FROM new_jobs n JOIN old_jobs o ON o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_note_moved AFTER UPDATE ON jobs
REFERENCING OLD TABLE AS old_jobs NEW TABLE AS new_jobs FOR EACH STATEMENT EXECUTE FUNCTION note_moved_jobs();

-- History is not rewritten. Only retention may take it away, with the job that it is
-- about, and says so by a setting of its transaction.
-- +goose StatementBegin
CREATE FUNCTION keep_transitions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('sluice.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'transitions are append-only: % is refused', lower(TG_OP) USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER transitions_append_only BEFORE UPDATE OR DELETE ON transitions
FOR EACH ROW EXECUTE FUNCTION keep_transitions();
CREATE TRIGGER transitions_not_truncated BEFORE TRUNCATE ON transitions
FOR EACH STATEMENT EXECUTE FUNCTION keep_transitions();

-- What people have changed about a job: the payload as it was before.
CREATE TABLE job_edits (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id  text NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT now(),
    by      text NOT NULL,
    context jsonb NOT NULL,
    data    jsonb NOT NULL
);
CREATE INDEX job_edits_by_job ON job_edits (job_id, id);

-- What people have set for a destination (action '') or one of its actions, over what
-- the program says. Null leaves the program's value.
CREATE TABLE destination_settings (
    destination     text NOT NULL CHECK (length(destination) BETWEEN 1 AND 50),
    action          text NOT NULL CHECK (length(action) <= 50),
    -- Nothing is loaded while it is paused; jobs wait.
    paused          boolean NOT NULL DEFAULT false,
    realtime        boolean,
    interval        text CHECK (length(interval) <= 200),
    time_zone       text CHECK (length(time_zone) <= 100),
    max_retries     integer CHECK (max_retries BETWEEN 0 AND 65535),
    concurrency     integer CHECK (concurrency BETWEEN 1 AND 1000),
    batch_size      integer CHECK (batch_size BETWEEN 1 AND 10000),
    -- Jobs a second.
    rate            double precision CHECK (rate > 0),
    -- Raised by every change; a change names the version that it replaces.
    version         bigint NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      text NOT NULL DEFAULT '',
    PRIMARY KEY (destination, action)
);

-- The circuit breaker of a destination: open, nothing is loaded until open_until; after
-- that one job at a time is, until one succeeds.
CREATE TABLE destination_circuits (
    destination text PRIMARY KEY CHECK (length(destination) BETWEEN 1 AND 50),
    -- Loads in a row of which none has succeeded.
    failures    integer NOT NULL DEFAULT 0,
    open_until  timestamptz,
    reason      text NOT NULL DEFAULT '',
    updated_at  timestamptz NOT NULL DEFAULT now()
);
