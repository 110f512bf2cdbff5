-- HealthOf returns the health of the connections that have a row.
-- name: HealthOf :many
SELECT * FROM connection_health WHERE connection = ANY (sqlc.arg(connections)::text[]) ORDER BY connection;

-- ListHealth returns the connections that are unhealthy or paused.
-- name: ListHealth :many
SELECT * FROM connection_health WHERE failures > 0 OR paused_at IS NOT NULL ORDER BY connection;

-- HealthForAction returns the unhealthy and paused connections that jobs of an action wait for.
-- name: HealthForAction :many
SELECT h.* FROM connection_health h
WHERE (h.failures > 0 OR h.paused_at IS NOT NULL)
  AND EXISTS (SELECT 1 FROM jobs j
              WHERE j.destination = sqlc.arg(destination) AND j.action = sqlc.arg(action)
                AND j.connection = h.connection AND j.due_at IS NOT NULL)
ORDER BY h.connection LIMIT sqlc.arg(row_limit);

-- NoteFailure records a failed batch with the function record_failed_batch.
-- name: NoteFailure :one
SELECT * FROM record_failed_batch(
    for_connection => sqlc.arg(connection), jobs => sqlc.arg(jobs)::text[], why => sqlc.arg(reason),
    threshold => sqlc.arg(threshold), first_seconds => sqlc.arg(first_seconds), max_seconds => sqlc.arg(max_seconds));

-- CloseCircuits closes the circuits of connections whose jobs have succeeded, and returns how many changed.
-- name: CloseCircuits :one
SELECT close_circuits(sqlc.arg(connections)::text[])::bigint AS closed;

-- EndProbe ends a probe without evidence: another job can be the probe.
-- name: EndProbe :exec
UPDATE connection_health SET probe_until = NULL WHERE connection = $1 AND probe_until IS NOT NULL;

-- PauseConnection opens the circuit of a connection until ResumeConnection.
-- name: PauseConnection :execrows
INSERT INTO connection_health AS h (connection, paused_at, paused_by, paused_reason)
SELECT sqlc.arg(name)::text, now(), sqlc.arg(by)::text, sqlc.arg(reason)::text
WHERE sqlc.arg(name)::text = 'notify' OR EXISTS (SELECT 1 FROM connections c WHERE c.name = sqlc.arg(name)::text)
ON CONFLICT (connection) DO UPDATE
SET paused_at = coalesce(h.paused_at, excluded.paused_at), paused_by = excluded.paused_by,
    paused_reason = excluded.paused_reason, updated_at = now();

-- ResumeConnection ends the pause of a connection and half-opens its circuit.
-- name: ResumeConnection :exec
UPDATE connection_health
SET paused_at = NULL, paused_by = '', paused_reason = '', probe_until = NULL, paced_until = NULL, updated_at = now(),
    open_until = CASE WHEN open_until > now() THEN now() ELSE open_until END
WHERE connection = $1;

-- HalfOpenCircuits half-opens the circuits of the connections that jobs of an action wait for, or, with
-- the action '', jobs of a destination.
-- name: HalfOpenCircuits :execrows
UPDATE connection_health h
SET open_until = now(), probe_until = NULL, updated_at = now()
WHERE h.open_until IS NOT NULL AND (h.open_until > now() OR h.probe_until > now())
  AND EXISTS (SELECT 1 FROM jobs j
              WHERE j.destination = sqlc.arg(destination) AND sqlc.arg(action)::text IN ('', j.action)
                AND j.connection = h.connection AND j.due_at IS NOT NULL);

-- AdvanceJobs makes retries due now: those of a destination, of one of its actions, or of a connection;
-- '' stands for all.
-- name: AdvanceJobs :execrows
WITH picked AS MATERIALIZED (
    SELECT c.id FROM jobs c
    WHERE c.state IN ('awaiting', 'failed', 'unknown') AND c.due_at > now()
      AND sqlc.arg(destination)::text IN ('', c.destination) AND sqlc.arg(action)::text IN ('', c.action)
      AND sqlc.arg(connection)::text IN ('', c.connection)
    ORDER BY c.due_at, c.id LIMIT sqlc.arg(row_limit) FOR UPDATE SKIP LOCKED
)
UPDATE jobs j SET due_at = now(), updated_at = now() FROM picked WHERE j.id = picked.id;

-- WaitingByConnection counts the waiting jobs of a destination by connection.
-- name: WaitingByConnection :many
SELECT j.connection, count(*) AS waiting, count(*) FILTER (WHERE j.due_at <= now()) AS due
FROM jobs j WHERE j.destination = $1 AND j.due_at IS NOT NULL
GROUP BY j.connection ORDER BY j.connection;
