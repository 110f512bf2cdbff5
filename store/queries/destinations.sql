-- EventByKey returns the event of a source with an idempotency key.
-- name: EventByKey :one
SELECT * FROM events WHERE source = sqlc.arg(source) AND idempotency_key = sqlc.arg(key)::text;

-- EventByID returns an event.
-- name: EventByID :one
SELECT * FROM events WHERE id = $1;

-- EventsByID returns the existing events among some IDs.
-- name: EventsByID :many
SELECT * FROM events WHERE id = ANY (sqlc.arg(ids)::text[]);

-- SubEvents returns the parts of an event in the order of their creation.
-- name: SubEvents :many
SELECT * FROM events WHERE parent_event_id = sqlc.arg(parent)::text ORDER BY id;

-- InsertJob adds a job.
-- name: InsertJob :exec
INSERT INTO jobs (id, destination, action, version, context, data, event_id, parent_job_id, lineage, replay_of, sent_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce(sqlc.narg(due_at)::timestamptz, now()));

-- JobByID returns a job.
-- name: JobByID :one
SELECT * FROM jobs WHERE id = $1;

-- JobsOfEvent returns the jobs of an event in the order of their creation.
-- name: JobsOfEvent :many
SELECT * FROM jobs WHERE event_id = $1 ORDER BY id;

-- TransitionsOf returns the history of a job, oldest first.
-- name: TransitionsOf :many
SELECT * FROM transitions WHERE job_id = $1 ORDER BY id;

-- EditsOf returns the earlier payloads of a job, oldest first.
-- name: EditsOf :many
SELECT * FROM job_edits WHERE job_id = $1 ORDER BY id;

-- AddEvents adds events, their parts and the jobs of both, and returns the added events. An event with
-- an idempotency key that its source has used before is skipped with its parts and jobs. An empty text
-- stands for none.
-- name: AddEvents :many
WITH whole AS (
    INSERT INTO events (id, source, name, version, context, data, idempotency_key, sent_at)
    SELECT n.id, n.source, n.name, n.version, n.context, n.data, nullif(n.key, ''), nullif(n.sent_at, '')::timestamptz
    FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(sources)::text[]) AS source,
                 unnest(sqlc.arg(names)::text[]) AS name, unnest(sqlc.arg(versions)::text[]) AS version,
                 unnest(sqlc.arg(contexts)::jsonb[]) AS context, unnest(sqlc.arg(data)::jsonb[]) AS data,
                 unnest(sqlc.arg(keys)::text[]) AS key, unnest(sqlc.arg(sent)::text[]) AS sent_at) n
    ON CONFLICT (source, idempotency_key) DO NOTHING
    RETURNING *
), part AS (
    INSERT INTO events (id, source, name, version, context, data, idempotency_key, sent_at, parent_event_id)
    SELECT n.id, n.source, n.name, n.version, n.context, n.data, nullif(n.key, ''), nullif(n.sent_at, '')::timestamptz, w.id
    FROM (SELECT unnest(sqlc.arg(part_ids)::text[]) AS id, unnest(sqlc.arg(part_parents)::text[]) AS parent,
                 unnest(sqlc.arg(part_sources)::text[]) AS source,
                 unnest(sqlc.arg(part_names)::text[]) AS name, unnest(sqlc.arg(part_versions)::text[]) AS version,
                 unnest(sqlc.arg(part_contexts)::jsonb[]) AS context, unnest(sqlc.arg(part_data)::jsonb[]) AS data,
                 unnest(sqlc.arg(part_keys)::text[]) AS key, unnest(sqlc.arg(part_sent)::text[]) AS sent_at) n
    JOIN whole w ON w.id = n.parent
    ON CONFLICT (source, idempotency_key) DO NOTHING
    RETURNING *
), added AS (
    SELECT * FROM whole UNION ALL SELECT * FROM part
), job AS (
    INSERT INTO jobs (id, destination, action, version, context, data, event_id, sent_at, due_at, unprepared)
    SELECT n.id, n.destination, n.action, n.version, n.context, n.data, a.id, nullif(n.sent_at, '')::timestamptz,
           coalesce(nullif(n.due_at, '')::timestamptz, now()), n.unprepared
    FROM (SELECT unnest(sqlc.arg(job_ids)::text[]) AS id, unnest(sqlc.arg(job_events)::text[]) AS event,
                 unnest(sqlc.arg(job_destinations)::text[]) AS destination, unnest(sqlc.arg(job_actions)::text[]) AS action,
                 unnest(sqlc.arg(job_versions)::text[]) AS version, unnest(sqlc.arg(job_contexts)::jsonb[]) AS context,
                 unnest(sqlc.arg(job_data)::jsonb[]) AS data, unnest(sqlc.arg(job_sent)::text[]) AS sent_at,
                 unnest(sqlc.arg(job_due)::text[]) AS due_at, unnest(sqlc.arg(job_unprepared)::boolean[]) AS unprepared) n
    JOIN added a ON a.id = n.event
), fault AS (
    INSERT INTO flow_faults (flow, event_id, reason)
    SELECT n.flow, a.id, n.reason
    FROM (SELECT unnest(sqlc.arg(fault_flows)::text[]) AS flow, unnest(sqlc.arg(fault_events)::text[]) AS event,
                 unnest(sqlc.arg(fault_reasons)::text[]) AS reason) n
    JOIN added a ON a.id = n.event
)
SELECT * FROM added;
