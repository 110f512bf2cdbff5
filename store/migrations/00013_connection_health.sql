-- +goose Up

-- The connection that a job uses: its name, or "@" and the destination for a job that names
-- none. Health, concurrency and rate are kept for each. No name of a connection has an "@".
ALTER TABLE jobs ADD COLUMN connection text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN data->>'connection' ~ '^[a-z0-9][a-z0-9_-]{0,62}$' THEN data->>'connection' ELSE '@' || destination END
) STORED;
-- Whether an attempt has failed or was lost. Jobs without one are claimed first.
ALTER TABLE jobs ADD COLUMN has_failed boolean NOT NULL DEFAULT false;
UPDATE jobs SET has_failed = true WHERE fence > 0 AND state IN ('failed', 'unknown', 'discarded');

-- Claims go from connection to connection, and within one from jobs that have not failed to
-- those that have.
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (destination, action, connection, has_failed, due_at, id) WHERE due_at IS NOT NULL;
-- The jobs of a batch have the same locked_until: batches under way are counted by it.
DROP INDEX jobs_executing;
CREATE INDEX jobs_executing ON jobs (connection, locked_until) WHERE state = 'executing';

DROP TABLE destination_circuits;

-- The health of connections. A connection without a row is healthy.
CREATE TABLE connection_health (
    -- As in jobs.
    connection    text PRIMARY KEY CHECK (length(connection) BETWEEN 1 AND 63),
    -- Consecutive failed batches. Below the threshold each counts for a job that no other
    -- was counted for: one job that keeps failing is no evidence against its connection.
    failures      integer NOT NULL DEFAULT 0,
    failed_jobs   text[] NOT NULL DEFAULT '{}',
    reason        text NOT NULL DEFAULT '',
    -- Null: the circuit is closed. In the future: open. In the past: half-open, one job at a
    -- time is loaded until one succeeds.
    open_until    timestamptz,
    -- The end of the lease of that job, null if there is none.
    probe_until   timestamptz,
    -- When a person has opened the circuit, null if none has.
    paused_at     timestamptz,
    paused_by     text NOT NULL DEFAULT '',
    paused_reason text NOT NULL DEFAULT '',
    -- When the rate allows the next batch.
    paced_until   timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- note_failed_batch counts a failed batch, with the jobs that have failed in it. While the
-- circuit is closed it counts if one of them was not counted before; then, and when the probe
-- of a half-open circuit fails, the threshold opens the circuit, for first_seconds and twice as
-- long with each further failure, up to max_seconds. What fails while it is open was under way
-- before, and counts no more.
-- +goose StatementBegin
CREATE FUNCTION note_failed_batch(
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

-- A changed connection is tried at once; a removed one leaves nothing behind.
-- +goose StatementBegin
CREATE FUNCTION reset_connection_health() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM connection_health h WHERE h.connection = OLD.name;
    ELSE
        UPDATE connection_health h SET open_until = now(), probe_until = NULL, updated_at = now()
        WHERE h.connection = OLD.name AND h.open_until > now();
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER connections_reset_health AFTER UPDATE OR DELETE ON connections
FOR EACH ROW EXECUTE FUNCTION reset_connection_health();

-- The earliest time at which a batch of a connection can be claimed, -infinity if that is now;
-- null while the connection is paused. A batch usually ends before its lease: while all of them
-- are under way the answer is a few seconds ahead.
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
        SELECT e.locked_until INTO batch FROM jobs e
        WHERE e.connection = for_connection AND e.state = 'executing' AND e.locked_until > batch
        ORDER BY e.locked_until LIMIT 1;
        IF NOT FOUND THEN
            RETURN free_at;
        END IF;
        batches := batches + 1;
    END LOOP;
    RETURN greatest(free_at, least(batch, now() + interval '3 s'));
END $$;
-- +goose StatementEnd

-- claim_jobs takes due jobs of an action: at most row_limit, of each connection in turn, from
-- the one behind "after" on. It passes over connections in busy, paused ones, those with an
-- open circuit, those that have as many batches under way as concurrency says, and those that
-- the rate (jobs a second, 0 for none) makes wait. A half-open circuit lets one job through.
-- Within a connection jobs that have not failed come first; a fifth of a batch is for the
-- others, so that neither wait for ever.
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
    -- What another claim has taken is seen by the statements below. With more batches at once
    -- one too many does no harm.
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
        -- A batch of one job is one that has failed every fifth time.
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
            -- A name that is no connection's leads nowhere, and leaves nothing behind.
            INSERT INTO connection_health AS h (connection, paced_until)
            SELECT current, now() + make_interval(secs => least(86400, cardinality(fresh) / rate))
            WHERE current LIKE '@%' OR EXISTS (SELECT 1 FROM connections c WHERE c.name = current)
            ON CONFLICT (connection) DO UPDATE SET paced_until = excluded.paced_until;
        END IF;
        picked := picked || fresh;
        free := free - cardinality(fresh);
    END LOOP;
    RETURN QUERY
    UPDATE jobs j
    SET state = 'executing', attempt = j.attempt + 1, fence = j.fence + 1, due_at = NULL, updated_at = now(),
        locked_until = now() + lease
    WHERE j.id = ANY (picked)
    RETURNING j.*;
END $$;
-- +goose StatementEnd

-- action_backlog counts the jobs of an action that can be claimed now, those that are due and
-- blocked, because the circuit of their connection is open, its rate makes them wait or other
-- batches are under way, and all that are waiting; each up to a limit. next_at is when the next
-- can be claimed or a lease ends.
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
    SELECT min(j.locked_until) INTO next_at FROM jobs j
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
