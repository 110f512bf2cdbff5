-- +goose Up

-- PostgreSQL prepares each CHECK of a table again for every statement that writes to it, and inlines functions in
-- SQL. For a single job that took more than half of what the store does in the job's whole life. A function in
-- PL/pgSQL is compiled once for each connection.

-- +goose StatementBegin
CREATE FUNCTION check_event(e events) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    fault text := CASE
        WHEN length(e.id) NOT BETWEEN 1 AND 64 THEN 'the ID has ' || length(e.id) || ' characters: want 1 to 64'
        WHEN length(e.source) NOT BETWEEN 1 AND 100
            THEN 'the source has ' || length(e.source) || ' characters: want 1 to 100'
        WHEN length(e.name) > 100 THEN 'the name has ' || length(e.name) || ' characters: want at most 100'
        WHEN length(e.version) > 100 THEN 'the version has ' || length(e.version) || ' characters: want at most 100'
        WHEN length(e.idempotency_key) NOT BETWEEN 1 AND 255
            THEN 'the idempotency key has ' || length(e.idempotency_key) || ' characters: want 1 to 255'
    END;
BEGIN
    IF fault IS NULL THEN
        RETURN true;
    END IF;
    RAISE check_violation USING MESSAGE = 'event ' || left(e.id, 64) || ': ' || fault,
        TABLE = 'events', CONSTRAINT = 'events_sound';
END $$;
-- +goose StatementEnd
ALTER TABLE events
    DROP CONSTRAINT events_id_check,
    DROP CONSTRAINT events_source_check,
    DROP CONSTRAINT events_name_check,
    DROP CONSTRAINT events_version_check,
    DROP CONSTRAINT events_idempotency_key_check,
    ADD CONSTRAINT events_sound CHECK (check_event(events));

-- +goose StatementBegin
CREATE FUNCTION check_job(j jobs) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    fault text := CASE
        WHEN length(j.id) NOT BETWEEN 1 AND 64 THEN 'the ID has ' || length(j.id) || ' characters: want 1 to 64'
        WHEN length(j.destination) NOT BETWEEN 1 AND 50
            THEN 'the destination has ' || length(j.destination) || ' characters: want 1 to 50'
        WHEN length(j.action) NOT BETWEEN 1 AND 50
            THEN 'the action has ' || length(j.action) || ' characters: want 1 to 50'
        WHEN length(j.version) > 100 THEN 'the version has ' || length(j.version) || ' characters: want at most 100'
        WHEN cardinality(j.lineage) > 8 THEN 'the chain has ' || cardinality(j.lineage) || ' jobs before it: want at most 8'
        WHEN j.attempt < 0 THEN 'the attempt is ' || j.attempt || ': want 0 or more'
        WHEN j.state NOT IN ('acknowledged', 'awaiting', 'executing', 'succeeded', 'failed', 'discarded', 'unknown',
                             'cancelled', 'held') THEN 'the state is "' || left(j.state, 64) || '", which there is not'
        WHEN (j.state = 'executing') <> (j.lease_expires_at IS NOT NULL)
            THEN 'the state is ' || j.state || ': want a lease if it is executing, and none otherwise'
        WHEN (j.finished_at IS NOT NULL) <> (j.state IN ('succeeded', 'discarded', 'cancelled'))
            THEN 'the state is ' || j.state || ': want a time of its end if it has ended, and none otherwise'
        WHEN j.due_at IS NOT NULL AND j.state IN ('succeeded', 'discarded', 'cancelled', 'held', 'executing')
            THEN 'the state is ' || j.state || ': want no time of a next attempt'
        WHEN j.due_at IS NULL AND j.state IN ('acknowledged', 'awaiting', 'failed')
            THEN 'the state is ' || j.state || ': want the time of the next attempt'
    END;
BEGIN
    IF fault IS NULL THEN
        RETURN true;
    END IF;
    RAISE check_violation USING MESSAGE = 'job ' || left(j.id, 64) || ': ' || fault,
        TABLE = 'jobs', CONSTRAINT = 'jobs_sound';
END $$;
-- +goose StatementEnd
ALTER TABLE jobs
    DROP CONSTRAINT jobs_id_check,
    DROP CONSTRAINT jobs_destination_check,
    DROP CONSTRAINT jobs_action_check,
    DROP CONSTRAINT jobs_version_check,
    DROP CONSTRAINT jobs_lineage_check,
    DROP CONSTRAINT jobs_attempt_check,
    DROP CONSTRAINT jobs_state_check,
    DROP CONSTRAINT jobs_check,
    DROP CONSTRAINT jobs_check1,
    DROP CONSTRAINT jobs_check2,
    DROP CONSTRAINT jobs_check3,
    ADD CONSTRAINT jobs_sound CHECK (check_job(jobs));

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION job_may_move(state_before text, state_after text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
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
END $$;
-- +goose StatementEnd

-- The expression of a generated column costs the same, even in a statement that does not change the column.
-- +goose StatementBegin
CREATE FUNCTION job_connection(data jsonb, destination text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    name text := data->>'connection';
BEGIN
    RETURN CASE WHEN name ~ '^[a-z0-9][a-z0-9_-]{0,62}$' THEN name ELSE '@' || destination END;
END $$;
-- +goose StatementEnd
ALTER TABLE jobs ALTER COLUMN connection SET EXPRESSION AS (job_connection(data, destination));

-- One index finds the history of a job, and each index costs every change of state.
ALTER TABLE transitions DROP CONSTRAINT transitions_pkey;
DROP INDEX transitions_by_job;
ALTER TABLE transitions ADD PRIMARY KEY (job_id, id);
