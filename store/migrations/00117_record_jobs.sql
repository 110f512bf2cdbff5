-- +goose Up

-- close_circuits closes the circuits of connections whose jobs have succeeded, and returns how many were open or had
-- failures.
-- +goose StatementBegin
CREATE FUNCTION close_circuits(of text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    closed bigint;
BEGIN
    UPDATE connection_health
    SET failures = 0, failed_jobs = '{}', open_until = NULL, probe_until = NULL, reason = '', updated_at = now()
    WHERE connection = ANY (of) AND failures > 0;
    GET DIAGNOSTICS closed = ROW_COUNT;
    RETURN closed;
END $$;
-- +goose StatementEnd

-- record_jobs records the outcomes of attempts, closes the circuits of connections, and returns the jobs whose outcome
-- was recorded now: those that still belong to the caller, and those that became unknown meanwhile and whose outcome is
-- known after all. As a plain statement it was planned anew for each call, at a third of its cost.
-- +goose StatementBegin
CREATE FUNCTION record_jobs(
    healthy text[], ids text[], fencing_tokens bigint[], states text[], errors jsonb[], untried integer[],
    wait_seconds double precision[]
) RETURNS SETOF text LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    UPDATE jobs j
    SET state = o.state, last_error = o.error, lease_expires_at = NULL, updated_at = now(),
        attempt = j.attempt - o.untried, has_failed = j.has_failed OR o.state IN ('failed', 'unknown', 'discarded'),
        -- Below zero: the job is not due again.
        due_at = CASE WHEN o.wait >= 0 THEN now() + make_interval(secs => o.wait) END,
        finished_at = CASE WHEN o.state IN ('succeeded', 'discarded') THEN now() END
    FROM unnest(ids, fencing_tokens, states, errors, untried, wait_seconds)
        AS o (id, fencing_token, state, error, untried, wait)
    WHERE j.id = o.id AND j.fencing_token = o.fencing_token
      -- A CASE, so that the planner uses the index of IDs and not that of states.
      AND CASE j.state WHEN 'executing' THEN true WHEN 'unknown' THEN o.state IN ('succeeded', 'discarded') ELSE false END
    RETURNING j.id;
    PERFORM close_circuits(healthy);
END $$;
-- +goose StatementEnd
