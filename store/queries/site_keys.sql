-- ListSiteKeyHashes returns the keys of all sites, or of one, that are not revoked.
-- name: ListSiteKeyHashes :many
SELECT id, site_ids[1]::bigint AS site_id, prefix, hash FROM tokens
WHERE role = 'ingest' AND revoked_at IS NULL
AND (sqlc.narg(site_id)::bigint IS NULL OR site_ids @> ARRAY[sqlc.narg(site_id)::bigint]);

-- CountSiteKeys returns how many keys of a site are not revoked.
-- name: CountSiteKeys :one
SELECT count(*) FROM tokens
WHERE role = 'ingest' AND site_ids @> ARRAY[sqlc.arg(site_id)::bigint] AND revoked_at IS NULL;

-- AddSiteKey adds a key of a site.
-- name: AddSiteKey :one
INSERT INTO tokens (name, prefix, hash, role, site_ids, created_by)
VALUES (sqlc.arg(label), sqlc.arg(prefix), sqlc.arg(hash), 'ingest', ARRAY[sqlc.arg(site_id)::bigint], sqlc.arg(created_by))
RETURNING id, site_ids[1]::bigint AS site_id, prefix, name AS label, created_at, revoked_at, last_used_at;

-- ListSiteKeys returns the keys of a site, also revoked ones, the oldest first.
-- name: ListSiteKeys :many
SELECT id, site_ids[1]::bigint AS site_id, prefix, name AS label, created_at, revoked_at, last_used_at FROM tokens
WHERE role = 'ingest' AND site_ids @> ARRAY[sqlc.arg(site_id)::bigint] ORDER BY id;

-- RevokeSiteKey revokes a key of a site.
-- name: RevokeSiteKey :one
UPDATE tokens SET revoked_at = COALESCE(revoked_at, now())
WHERE role = 'ingest' AND site_ids @> ARRAY[sqlc.arg(site_id)::bigint] AND prefix = sqlc.arg(prefix)
RETURNING id, site_ids[1]::bigint AS site_id, prefix, name AS label, created_at, revoked_at, last_used_at;

-- TrimSiteKeys removes keys of a site that were revoked long ago.
-- name: TrimSiteKeys :exec
DELETE FROM tokens WHERE role = 'ingest' AND site_ids @> ARRAY[sqlc.arg(site_id)::bigint]
AND revoked_at < now() - make_interval(days => sqlc.arg(days)::integer);
