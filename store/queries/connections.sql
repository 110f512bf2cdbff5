-- InsertConnection adds a connection; a taken name violates connections_pkey.
-- name: InsertConnection :one
INSERT INTO connections (name, kind, settings, secret_names, sealed, key_id)
VALUES (sqlc.arg(name), sqlc.arg(kind), sqlc.arg(settings), sqlc.arg(secret_names)::text[], sqlc.arg(sealed),
        sqlc.arg(key_id))
RETURNING *;

-- ConnectionByName returns the connection of that name.
-- name: ConnectionByName :one
SELECT * FROM connections WHERE name = $1;

-- ListConnections returns all connections by name.
-- name: ListConnections :many
SELECT * FROM connections ORDER BY name;

-- UpdateConnection replaces a connection that is still of the given version. Its kind
-- stays: whatever names the connection counts on that.
-- name: UpdateConnection :one
UPDATE connections
SET settings = sqlc.arg(settings), secret_names = sqlc.arg(secret_names)::text[], sealed = sqlc.arg(sealed),
    key_id = sqlc.arg(key_id), version = version + 1, updated_at = now()
WHERE name = sqlc.arg(name) AND kind = sqlc.arg(kind) AND version = sqlc.arg(version)
RETURNING *;

-- ConnectionUser returns the oldest import that names a connection and has not ended.
-- name: ConnectionUser :one
SELECT id, status FROM imports
WHERE args->>'connection' = sqlc.arg(name)::text
  AND status NOT IN ('completed', 'unchanged', 'declined', 'failed', 'cancelled', 'deleting')
ORDER BY id LIMIT 1;

-- ConnectionJobs counts the jobs that are still to be delivered by action, and those among
-- them whose data name a connection. It looks at so many at most; the index by state finds
-- them without a look at those that are over.
-- name: ConnectionJobs :many
SELECT l.destination, l.action, count(*) AS looked, count(*) FILTER (WHERE l.connection = sqlc.arg(name)::text) AS jobs
FROM (
    SELECT j.destination, j.action, j.data->>'connection' AS connection FROM jobs j
    WHERE j.state IN ('acknowledged', 'awaiting', 'executing', 'failed', 'unknown', 'held')
    LIMIT sqlc.arg(most)
) l
GROUP BY l.destination, l.action
ORDER BY l.destination, l.action;

-- DeleteConnection removes a connection.
-- name: DeleteConnection :execrows
DELETE FROM connections WHERE name = $1;

-- ConnectionUses returns what names connections beside flows: syncs, schedules, and imports that have not ended.
-- name: ConnectionUses :many
SELECT u.connection::text AS connection, u.kind::text AS kind, u.name::text AS name
FROM (
    SELECT s.from_connection AS connection, 'sync' AS kind, s.name FROM syncs s
    UNION
    SELECT s.to_connection, 'sync', s.name FROM syncs s
    UNION
    SELECT s.definition->'input'->'request'->'args'->>'connection', 'schedule', s.name FROM schedules s
    WHERE s.deleted_at IS NULL
    UNION
    SELECT i.args->>'connection', 'import', i.id::text FROM imports i
    WHERE i.args->>'connection' IS NOT NULL
      AND i.status NOT IN ('completed', 'unchanged', 'declined', 'failed', 'cancelled', 'deleting')
) u
WHERE u.connection IS NOT NULL AND (sqlc.arg(name)::text = '' OR u.connection = sqlc.arg(name)::text)
ORDER BY 1, 2, 3
LIMIT 10000;
