-- ListIngestKeyHashes returns the keys of all sites, or of one, that are not revoked.
-- name: ListIngestKeyHashes :many
SELECT id, site_id, prefix, hash FROM ingest_keys
WHERE revoked_at IS NULL AND (sqlc.narg(site_id)::bigint IS NULL OR site_id = sqlc.narg(site_id));

-- CountIngestKeys returns how many keys of a site are not revoked.
-- name: CountIngestKeys :one
SELECT count(*) FROM ingest_keys WHERE site_id = $1 AND revoked_at IS NULL;

-- AddIngestKey adds a key of a site.
-- name: AddIngestKey :one
INSERT INTO ingest_keys (site_id, prefix, hash, label)
VALUES (sqlc.arg(site_id), sqlc.arg(prefix), sqlc.arg(hash), sqlc.arg(label))
RETURNING id, site_id, prefix, label, created_at, revoked_at, last_used_at;

-- ListIngestKeys returns the keys of a site, also revoked ones, the oldest first.
-- name: ListIngestKeys :many
SELECT id, site_id, prefix, label, created_at, revoked_at, last_used_at FROM ingest_keys
WHERE site_id = $1 ORDER BY id;

-- RevokeIngestKey revokes a key of a site.
-- name: RevokeIngestKey :one
UPDATE ingest_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE site_id = sqlc.arg(site_id) AND prefix = sqlc.arg(prefix)
RETURNING id, site_id, prefix, label, created_at, revoked_at, last_used_at;

-- TrimIngestKeys removes keys of a site that were revoked long ago.
-- name: TrimIngestKeys :exec
DELETE FROM ingest_keys WHERE site_id = sqlc.arg(site_id)
AND revoked_at < now() - make_interval(days => sqlc.arg(days)::integer);

-- NoteIngestKeyUse notes that keys were used, unless that was noted less than a minute ago.
-- name: NoteIngestKeyUse :exec
UPDATE ingest_keys SET last_used_at = now()
WHERE id = ANY(sqlc.arg(ids)::bigint[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
