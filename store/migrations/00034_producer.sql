-- +goose Up

-- Producers listen to notifications and poll; a poll lease has no reader any more.
DROP TABLE destination_lookouts;

-- claim_due claims jobs of several actions in one statement, for each as the function claim_jobs
-- says. requests is an array of its arguments. Actions are claimed in the order of their names, so
-- that concurrent claims take the locks of destinations in the same order.
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

-- claim_jobs claims due jobs of an action: at most row_limit, of each connection in turn, from the
-- one after "after". It skips connections in busy, paused ones, those with an open circuit, those with
-- as many batches in flight as concurrency says, and those whose rate (jobs a second, 0 for none) does
-- not allow a batch yet. A half-open circuit lets one job through. Within a connection jobs that have
-- not failed come first; a fifth of a batch is for the others, so that neither wait for ever.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION claim_jobs(
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
    SET state = 'executing', attempt = j.attempt + 1, fence = j.fence + 1, due_at = NULL, updated_at = now(),
        locked_until = now() + lease
    WHERE j.id = ANY (picked)
    RETURNING j.*;
END $$;
-- +goose StatementEnd
