-- InsertEvent adds an event, unless its source has sent one of that key before.
-- name: InsertEvent :one
INSERT INTO events (id, source, trigger, version, context, data, parent_event_id, idempotency_key, sent_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (source, idempotency_key) DO NOTHING
RETURNING *;

-- EventByKey returns the event that a source has sent under a key.
-- name: EventByKey :one
SELECT * FROM events WHERE source = sqlc.arg(source) AND idempotency_key = sqlc.arg(key)::text;

-- EventByID returns an event.
-- name: EventByID :one
SELECT * FROM events WHERE id = $1;

-- EventsByID returns events, those that there are.
-- name: EventsByID :many
SELECT * FROM events WHERE id = ANY (sqlc.arg(ids)::text[]);

-- SubEvents returns the parts of an event, in the order in which they were added.
-- name: SubEvents :many
SELECT * FROM events WHERE parent_event_id = sqlc.arg(parent)::text ORDER BY id;

-- InsertJob adds a job.
-- name: InsertJob :exec
INSERT INTO jobs (id, destination, action, version, context, data, event_id, parent_job_id, lineage, replay_of, sent_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce(sqlc.narg(due_at)::timestamptz, now()));

-- JobByID returns a job.
-- name: JobByID :one
SELECT * FROM jobs WHERE id = $1;

-- JobsOfEvent returns the jobs of an event, in the order in which they were added.
-- name: JobsOfEvent :many
SELECT * FROM jobs WHERE event_id = $1 ORDER BY id;

-- TransitionsOf returns the history of a job, oldest first.
-- name: TransitionsOf :many
SELECT * FROM transitions WHERE job_id = $1 ORDER BY id;

-- EditsOf returns what people have changed about a job, oldest first.
-- name: EditsOf :many
SELECT * FROM job_edits WHERE job_id = $1 ORDER BY id;
