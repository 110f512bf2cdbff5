-- GetSyncKnown returns the figures of the last scan of a sync.
-- name: GetSyncKnown :one
SELECT * FROM sync_known WHERE sync = $1;

-- NextSyncScan returns the number of a scan.
-- name: NextSyncScan :one
SELECT nextval('sync_scans')::bigint;

-- SyncKnownParts returns parts of a scan, some at a time.
-- name: SyncKnownParts :many
SELECT * FROM sync_known_parts
WHERE sync = sqlc.arg(sync) AND scan = sqlc.arg(scan) AND part > sqlc.arg(after)::bigint
ORDER BY part LIMIT sqlc.arg(row_limit)::bigint;

-- CountSyncKnownParts counts the parts of a scan.
-- name: CountSyncKnownParts :one
SELECT count(*) FROM sync_known_parts WHERE sync = sqlc.arg(sync) AND scan = sqlc.arg(scan);

-- AddSyncKnownPart adds a part of a scan that is under way.
-- name: AddSyncKnownPart :exec
INSERT INTO sync_known_parts (sync, scan, part, missing, records)
VALUES (sqlc.arg(sync), sqlc.arg(scan), sqlc.arg(part), sqlc.arg(missing), sqlc.arg(records));

-- DeleteSyncKnownParts deletes the parts of all scans of a sync but one.
-- name: DeleteSyncKnownParts :exec
DELETE FROM sync_known_parts WHERE sync = sqlc.arg(sync) AND scan <> sqlc.arg(keep);

-- SaveSyncKnown records a scan.
-- name: SaveSyncKnown :exec
INSERT INTO sync_known (sync, scan, parts, scanned_at, found, missing_count, deleted, exceeded)
VALUES (sqlc.arg(sync), sqlc.arg(scan), sqlc.arg(parts), now(), sqlc.arg(found), sqlc.arg(missing_count),
        sqlc.arg(deleted), sqlc.arg(exceeded))
ON CONFLICT (sync) DO UPDATE SET scan = excluded.scan, parts = excluded.parts, scanned_at = excluded.scanned_at,
    found = excluded.found, missing_count = excluded.missing_count, deleted = excluded.deleted,
    exceeded = excluded.exceeded;

-- DeleteSyncKnown removes what the last scan of a sync has found.
-- name: DeleteSyncKnown :exec
DELETE FROM sync_known WHERE sync = $1;
