-- LockFlows locks flows against changes until the end of the transaction.
-- name: LockFlows :exec
LOCK TABLE flows IN SHARE ROW EXCLUSIVE MODE;

-- ListFlows returns all flows.
-- name: ListFlows :many
SELECT * FROM flows ORDER BY name;

-- FlowByName returns a flow.
-- name: FlowByName :one
SELECT * FROM flows WHERE name = $1;

-- FlowVersionsOf returns the versions of a flow, newest first.
-- name: FlowVersionsOf :many
SELECT * FROM flow_versions WHERE name = $1 ORDER BY version DESC;

-- NoteFlow adds a version of a flow, without a spec for its removal.
-- name: NoteFlow :one
INSERT INTO flow_versions (name, version, spec, by)
SELECT sqlc.arg(name)::text, coalesce(max(v.version), 0) + 1, sqlc.narg(spec)::jsonb, sqlc.arg(by)::text
FROM flow_versions v WHERE v.name = sqlc.arg(name)
RETURNING version;

-- PutFlow adds or replaces a flow.
-- name: PutFlow :exec
INSERT INTO flows (name, spec, version, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE
SET spec = excluded.spec, version = excluded.version, updated_at = now(), updated_by = excluded.updated_by;

-- RemoveFlow removes a flow.
-- name: RemoveFlow :exec
DELETE FROM flows WHERE name = $1;

-- FlowVersionsInForce returns the current version of each flow.
-- name: FlowVersionsInForce :many
SELECT name, version FROM flows ORDER BY name;

-- CountFlowFaults returns how many events are kept for each flow, and the last error.
-- name: CountFlowFaults :many
SELECT flow, count(*) AS events, (array_agg(reason ORDER BY at DESC, event_id DESC))[1]::text AS reason, max(at)::timestamptz AS at
FROM flow_faults GROUP BY flow ORDER BY flow;

-- FlowFaultEvents returns events that are kept for a flow, oldest first.
-- name: FlowFaultEvents :many
SELECT e.* FROM flow_faults f JOIN events e ON e.id = f.event_id
WHERE f.flow = sqlc.arg(flow) AND f.event_id > sqlc.arg(after) ORDER BY f.event_id LIMIT sqlc.arg(row_limit);

-- NoteFlowFault records the error of an event that has failed again.
-- name: NoteFlowFault :exec
UPDATE flow_faults SET reason = sqlc.arg(reason), at = now() WHERE flow = sqlc.arg(flow) AND event_id = sqlc.arg(event_id);

-- DropFlowFaults stops keeping the events of a flow.
-- name: DropFlowFaults :exec
DELETE FROM flow_faults WHERE flow = $1;

-- ReplayFlowFault adds a flow's jobs of a kept event and stops keeping it. It returns true once: of two
-- concurrent replays of an event one adds jobs.
-- name: ReplayFlowFault :one
WITH fault AS (
    DELETE FROM flow_faults f WHERE f.flow = sqlc.arg(flow) AND f.event_id = sqlc.arg(event_id) RETURNING f.event_id
), job AS (
    INSERT INTO jobs (id, destination, action, version, context, data, event_id, sent_at, due_at, unprepared)
    SELECT n.id, n.destination, n.action, n.version, n.context, n.data, f.event_id, nullif(n.sent_at, '')::timestamptz,
           coalesce(nullif(n.due_at, '')::timestamptz, now()), n.unprepared
    FROM (SELECT unnest(sqlc.arg(job_ids)::text[]) AS id,
                 unnest(sqlc.arg(job_destinations)::text[]) AS destination, unnest(sqlc.arg(job_actions)::text[]) AS action,
                 unnest(sqlc.arg(job_versions)::text[]) AS version, unnest(sqlc.arg(job_contexts)::jsonb[]) AS context,
                 unnest(sqlc.arg(job_data)::jsonb[]) AS data, unnest(sqlc.arg(job_sent)::text[]) AS sent_at,
                 unnest(sqlc.arg(job_due)::text[]) AS due_at, unnest(sqlc.arg(job_unprepared)::boolean[]) AS unprepared) n
    CROSS JOIN fault f
)
SELECT EXISTS (SELECT 1 FROM fault) AS replayed;
