-- HistorySites returns what the warehouse has of all sites, or of some.
-- name: HistorySites :many
SELECT id, domain, coalesce(native_start, first_event) AS native_start, first_event, version FROM sites
WHERE sqlc.narg(ids)::bigint[] IS NULL OR id = ANY (sqlc.narg(ids)::bigint[])
ORDER BY id;

-- NoteFirstEvent makes the first event of a site earlier.
-- name: NoteFirstEvent :execrows
UPDATE sites SET first_event = sqlc.arg(day)
WHERE id = sqlc.arg(site_id) AND (first_event IS NULL OR first_event > sqlc.arg(day));
