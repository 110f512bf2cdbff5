-- LockFlows keeps everybody else from changing flows until the transaction's end.
-- name: LockFlows :exec
LOCK TABLE flows IN SHARE ROW EXCLUSIVE MODE;

-- ListFlows returns all flows.
-- name: ListFlows :many
SELECT * FROM flows ORDER BY name;

-- FlowByName returns a flow.
-- name: FlowByName :one
SELECT * FROM flows WHERE name = $1;

-- FlowVersionsOf returns what a flow has been, the newest first.
-- name: FlowVersionsOf :many
SELECT * FROM flow_versions WHERE name = $1 ORDER BY version DESC;

-- NoteFlow adds a version of a flow, without a spec for its removal.
-- name: NoteFlow :one
INSERT INTO flow_versions (name, version, spec, by)
SELECT sqlc.arg(name)::text, coalesce(max(v.version), 0) + 1, sqlc.narg(spec)::jsonb, sqlc.arg(by)::text
FROM flow_versions v WHERE v.name = sqlc.arg(name)
RETURNING version;

-- PutFlow adds a flow, or replaces it.
-- name: PutFlow :exec
INSERT INTO flows (name, spec, version, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE
SET spec = excluded.spec, version = excluded.version, updated_at = now(), updated_by = excluded.updated_by;

-- RemoveFlow removes a flow.
-- name: RemoveFlow :exec
DELETE FROM flows WHERE name = $1;

-- FlowVersionsInForce returns which version of each flow is in force.
-- name: FlowVersionsInForce :many
SELECT name, version FROM flows ORDER BY name;
