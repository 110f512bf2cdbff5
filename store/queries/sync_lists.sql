-- SyncRunsOf returns runs by their ids.
-- name: SyncRunsOf :many
SELECT * FROM sync_runs WHERE id = ANY (sqlc.arg(ids)::bigint[]);

-- SyncScansOf returns the figures of the last scans of syncs, without their sets of records.
-- name: SyncScansOf :many
SELECT sync, scanned_at, found, missing_count, deleted, exceeded FROM sync_known
WHERE sync = ANY (sqlc.arg(syncs)::text[]);
