-- ExpireJobs makes jobs of some actions unknown whose lease has expired, and returns their actions.
-- An unprepared job was not delivered: it is claimed again.
-- name: ExpireJobs :many
WITH action AS MATERIALIZED (
    SELECT unnest(sqlc.arg(destinations)::text[]) AS destination, unnest(sqlc.arg(actions)::text[]) AS action,
           unnest(sqlc.arg(max_redrives)::integer[]) AS max_redrives,
           unnest(sqlc.arg(wait_seconds)::double precision[]) AS wait_seconds
), expired AS MATERIALIZED (
    SELECT c.id, a.max_redrives, a.wait_seconds FROM jobs c
    JOIN action a ON a.destination = c.destination AND a.action = c.action
    WHERE c.state = 'executing' AND c.lease_expires_at <= now()
    ORDER BY c.id LIMIT sqlc.arg(row_limit) FOR UPDATE OF c SKIP LOCKED
)
UPDATE jobs j
SET state = CASE WHEN j.unprepared THEN 'awaiting' ELSE 'unknown' END, lease_expires_at = NULL,
    has_failed = j.has_failed OR NOT j.unprepared, updated_at = now(), last_error = sqlc.arg(reason)::jsonb,
    due_at = CASE WHEN j.unprepared THEN now() WHEN j.attempt <= expired.max_redrives THEN now() + make_interval(secs => expired.wait_seconds) END
FROM expired WHERE j.id = expired.id
RETURNING j.destination, j.action;

-- ClaimJobs claims due jobs of some actions, as the function claim_due says.
-- name: ClaimJobs :many
SELECT * FROM claim_due(requests => sqlc.arg(requests)::jsonb);

-- NotifyJobs notifies the producers of jobs of some actions. It runs in its own transaction: NOTIFY in
-- the transaction that adds jobs would serialise commits. A crash of the database loses only the
-- notification, so the commit does not wait for the disk.
-- name: NotifyJobs :exec
SELECT set_config('synchronous_commit', 'off', true), pg_notify(sqlc.arg(channel)::text, w.destination || '/' || w.action)
FROM (SELECT unnest(sqlc.arg(destinations)::text[]) AS destination, unnest(sqlc.arg(actions)::text[]) AS action) w;

-- ExtendLeases renews the leases of jobs.
-- name: ExtendLeases :execrows
UPDATE jobs j
SET lease_expires_at = now() + make_interval(secs => sqlc.arg(lease_seconds)::double precision)
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(fencing_tokens)::bigint[]) AS fencing_token) o
WHERE j.id = o.id AND j.fencing_token = o.fencing_token AND j.state = 'executing';

-- LockJobs locks jobs until the end of the transaction, and returns them.
-- name: LockJobs :many
SELECT * FROM jobs
WHERE id = ANY (sqlc.arg(ids)::text[]) ORDER BY id FOR UPDATE;

-- RecordJobs records the outcomes of jobs and returns the jobs of which it did: those whose attempt is
-- still executing, and unknown ones whose worker reports a final outcome late. It closes the circuits of
-- healthy connections.
-- name: RecordJobs :many
SELECT recorded::text FROM record_jobs(
    healthy => sqlc.arg(healthy)::text[], ids => sqlc.arg(ids)::text[],
    fencing_tokens => sqlc.arg(fencing_tokens)::bigint[], states => sqlc.arg(states)::text[],
    errors => sqlc.arg(errors)::jsonb[], untried => sqlc.arg(untried)::integer[],
    wait_seconds => sqlc.arg(wait_seconds)::double precision[]) AS recorded;

-- FencingTokens returns the fencing tokens of jobs.
-- name: FencingTokens :many
SELECT id, fencing_token FROM jobs WHERE id = ANY (sqlc.arg(ids)::text[]);

-- JobsByID returns jobs.
-- name: JobsByID :many
SELECT * FROM jobs WHERE id = ANY (sqlc.arg(ids)::text[]);

-- PrepareJobs replaces the payload of claimed jobs that were unprepared and makes them due, and returns
-- those of which it did. It counts no attempt.
-- name: PrepareJobs :many
UPDATE jobs j
SET state = 'awaiting', unprepared = false, version = o.version, context = o.context, data = o.data,
    sent_at = coalesce(nullif(o.sent_at, '')::timestamptz, j.sent_at),
    due_at = coalesce(nullif(o.due_at, '')::timestamptz, now()),
    lease_expires_at = NULL, attempt = j.attempt - 1, updated_at = now(), last_error = sqlc.arg(reason)::jsonb
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(fencing_tokens)::bigint[]) AS fencing_token,
             unnest(sqlc.arg(versions)::text[]) AS version, unnest(sqlc.arg(contexts)::jsonb[]) AS context,
             unnest(sqlc.arg(data)::jsonb[]) AS data, unnest(sqlc.arg(sent)::text[]) AS sent_at,
             unnest(sqlc.arg(due)::text[]) AS due_at) o
WHERE j.id = o.id AND j.fencing_token = o.fencing_token AND j.state = 'executing' AND j.unprepared
RETURNING j.id;
