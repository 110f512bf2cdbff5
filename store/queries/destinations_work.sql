-- MayLoad returns what people and the circuit breaker have against loading an action.
-- name: MayLoad :one
SELECT EXISTS (
           SELECT 1 FROM destination_settings s
           WHERE s.destination = sqlc.arg(destination) AND s.action IN ('', sqlc.arg(action)) AND s.paused
       ) AS paused,
       (SELECT c.open_until FROM destination_circuits c
        WHERE c.destination = sqlc.arg(destination) AND c.open_until > now()) AS open_until;

-- ExpireJobs gives up waiting for whoever has taken jobs and said nothing about them.
-- name: ExpireJobs :execrows
WITH gone AS MATERIALIZED (
    SELECT c.id FROM jobs c
    WHERE c.destination = sqlc.arg(destination) AND c.action = sqlc.arg(action)
      AND c.state = 'executing' AND c.locked_until <= now()
    ORDER BY c.id LIMIT sqlc.arg(row_limit) FOR UPDATE SKIP LOCKED
)
UPDATE jobs j
SET state = 'unknown', locked_until = NULL, updated_at = now(), last_error = sqlc.arg(reason)::jsonb,
    due_at = CASE WHEN j.attempt <= sqlc.arg(max_redrives)::integer
             THEN now() + make_interval(secs => sqlc.arg(wait_seconds)::double precision) END
FROM gone WHERE j.id = gone.id;

-- ClaimJobs takes jobs that are due, those that have been so longest first: none while the
-- action or its destination is paused or the circuit is open, and one to see whether a
-- destination is well again.
-- name: ClaimJobs :many
WITH may AS MATERIALIZED (
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM destination_settings s
                     WHERE s.destination = sqlc.arg(destination) AND s.action IN ('', sqlc.arg(action)) AND s.paused) THEN 0
        ELSE coalesce((SELECT CASE WHEN o.open_until > now() THEN 0 ELSE least(sqlc.arg(row_limit)::integer, 1) END
                       FROM destination_circuits o
                       WHERE o.destination = sqlc.arg(destination) AND o.open_until IS NOT NULL),
                      sqlc.arg(row_limit)::integer)
    END AS most
), due AS MATERIALIZED (
    SELECT c.id FROM jobs c
    WHERE c.destination = sqlc.arg(destination) AND c.action = sqlc.arg(action) AND c.due_at <= now()
      AND NOT (sqlc.arg(retries_only)::boolean AND c.state = 'acknowledged')
    ORDER BY c.due_at, c.id LIMIT (SELECT m.most FROM may m) FOR UPDATE SKIP LOCKED
)
UPDATE jobs j
SET state = 'executing', attempt = j.attempt + 1, fence = j.fence + 1, due_at = NULL, updated_at = now(),
    locked_until = now() + make_interval(secs => sqlc.arg(lease_seconds)::double precision)
FROM due WHERE j.id = due.id
RETURNING j.*;

-- ExtendLeases keeps jobs for somebody who still works on them.
-- name: ExtendLeases :execrows
UPDATE jobs j
SET locked_until = now() + make_interval(secs => sqlc.arg(lease_seconds)::double precision)
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(fences)::bigint[]) AS fence) o
WHERE j.id = o.id AND j.fence = o.fence AND j.state = 'executing';

-- NextDue returns when the next job of an action is due, and when the next lease ends.
-- name: NextDue :one
SELECT (SELECT d.due_at FROM jobs d
        WHERE d.destination = sqlc.arg(destination) AND d.action = sqlc.arg(action) AND d.due_at IS NOT NULL
        ORDER BY d.due_at LIMIT 1) AS due_at,
       (SELECT e.locked_until FROM jobs e
        WHERE e.destination = sqlc.arg(destination) AND e.action = sqlc.arg(action) AND e.state = 'executing'
        ORDER BY e.locked_until LIMIT 1) AS lease_ends;

-- LockJobs returns jobs, and keeps them from changing until the transaction's end.
-- name: LockJobs :many
SELECT * FROM jobs
WHERE id = ANY (sqlc.arg(ids)::text[]) ORDER BY id FOR UPDATE;

-- RecordJobs notes how jobs went, and returns those of which it did: those that the same
-- attempt still has, and those of lost workers about which it is known now.
-- name: RecordJobs :many
UPDATE jobs j
SET state = o.state, last_error = o.error, locked_until = NULL, updated_at = now(),
    attempt = j.attempt - o.untried,
    -- Below zero: nobody is going to load it again.
    due_at = CASE WHEN o.wait_seconds >= 0 THEN now() + make_interval(secs => o.wait_seconds) END,
    finished_at = CASE WHEN o.state IN ('succeeded', 'discarded') THEN now() END
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(fences)::bigint[]) AS fence,
             unnest(sqlc.arg(states)::text[]) AS state,
             unnest(sqlc.arg(errors)::jsonb[]) AS error, unnest(sqlc.arg(untried)::integer[]) AS untried,
             unnest(sqlc.arg(wait_seconds)::double precision[]) AS wait_seconds) o
WHERE j.id = o.id AND j.fence = o.fence
  -- A CASE, so that it is by their IDs and not by their states that jobs are looked for.
  AND CASE j.state WHEN 'executing' THEN true WHEN 'unknown' THEN o.state IN ('succeeded', 'discarded') ELSE false END
RETURNING j.id;

-- FencesOf returns which attempt has jobs, or had them last.
-- name: FencesOf :many
SELECT id, fence FROM jobs WHERE id = ANY (sqlc.arg(ids)::text[]);

-- JobsByID returns jobs.
-- name: JobsByID :many
SELECT * FROM jobs WHERE id = ANY (sqlc.arg(ids)::text[]);
