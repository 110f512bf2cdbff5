-- NoteSyncRunCounts records what the source said about the list before a run.
-- name: NoteSyncRunCounts :exec
UPDATE sync_runs SET counts_before = sqlc.arg(counts) WHERE id = sqlc.arg(id) AND counts_before IS NULL;

-- SaveSyncCounts records the comparison of a full load with the counts of the source.
-- name: SaveSyncCounts :exec
INSERT INTO sync_counts (sync, run_id, counts_read, counts_before, counts_after, changed, rejected, difference, exceeded)
VALUES (sqlc.arg(sync), sqlc.arg(run_id), sqlc.arg(counts_read), sqlc.arg(counts_before), sqlc.arg(counts_after),
        sqlc.arg(changed), sqlc.arg(rejected), sqlc.arg(difference), sqlc.arg(exceeded))
ON CONFLICT (sync) DO UPDATE SET run_id = excluded.run_id, compared_at = now(), counts_read = excluded.counts_read,
    counts_before = excluded.counts_before, counts_after = excluded.counts_after, changed = excluded.changed,
    rejected = excluded.rejected, difference = excluded.difference, exceeded = excluded.exceeded
WHERE sync_counts.run_id < excluded.run_id;

-- GetSyncCounts returns the last comparison of a sync.
-- name: GetSyncCounts :one
SELECT * FROM sync_counts WHERE sync = $1;

-- SyncRunIDs returns the sets of a run's pages, some at a time.
-- name: SyncRunIDs :many
SELECT page, ids FROM sync_pages
WHERE run_id = sqlc.arg(run_id) AND page > sqlc.arg(after)::bigint AND ids IS NOT NULL
ORDER BY page LIMIT sqlc.arg(row_limit)::bigint;

-- GetSyncOptOuts returns the set of records that the target holds as opted out.
-- name: GetSyncOptOuts :one
SELECT keys FROM sync_optouts WHERE sync = $1;

-- ListSyncOptOutChanges returns the changes of the set, in order.
-- name: ListSyncOptOutChanges :many
SELECT id, keys FROM sync_optout_changes WHERE sync = $1 ORDER BY id;

-- AddSyncOptOutChange adds a change of the set.
-- name: AddSyncOptOutChange :exec
INSERT INTO sync_optout_changes (sync, keys) VALUES (sqlc.arg(sync), sqlc.arg(keys));

-- SaveSyncOptOuts replaces the set.
-- name: SaveSyncOptOuts :exec
INSERT INTO sync_optouts (sync, keys) VALUES (sqlc.arg(sync), sqlc.arg(keys))
ON CONFLICT (sync) DO UPDATE SET keys = excluded.keys;

-- DeleteSyncOptOutChanges deletes the changes up to one, which the set has.
-- name: DeleteSyncOptOutChanges :exec
DELETE FROM sync_optout_changes WHERE sync = sqlc.arg(sync) AND id <= sqlc.arg(id);

-- AddSyncHeld adds records that are held as opted out, or notes them again.
-- name: AddSyncHeld :exec
INSERT INTO sync_held (sync, key) SELECT sqlc.arg(sync)::text, unnest(sqlc.arg(keys)::text[])
ON CONFLICT (sync, key) DO UPDATE SET last_at = now();

-- RemoveSyncHeld removes records that are not held any more.
-- name: RemoveSyncHeld :execrows
DELETE FROM sync_held WHERE sync = sqlc.arg(sync) AND key = ANY (sqlc.arg(keys)::text[]);

-- ListSyncHeld returns records that are held as opted out and were first held in a time, the oldest first. NULL is an
-- open end.
-- name: ListSyncHeld :many
SELECT * FROM sync_held
WHERE sync = sqlc.arg(sync) AND id > sqlc.arg(after)::bigint
  AND (sqlc.narg(held_after)::timestamptz IS NULL OR first_at >= sqlc.narg(held_after)::timestamptz)
  AND (sqlc.narg(held_before)::timestamptz IS NULL OR first_at < sqlc.narg(held_before)::timestamptz)
ORDER BY id LIMIT sqlc.arg(row_limit)::bigint;
