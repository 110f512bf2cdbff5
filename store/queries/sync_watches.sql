-- CancelEditedSyncRun ends the run of a sync that began from another timestamp.
-- name: CancelEditedSyncRun :execrows
UPDATE sync_runs SET status = 'cancelled', error = sqlc.arg(error), ended_at = now()
WHERE sync = sqlc.arg(sync) AND status = 'running' AND base IS DISTINCT FROM sqlc.narg(latest_timestamp)::timestamptz;

-- PutWatchedSync makes the sync of an entry of a state file what the file says, and adds it if it does not
-- exist. Settings that the file does not have stay. A run under way keeps the timestamp from which it began.
-- name: PutWatchedSync :one
INSERT INTO syncs AS s (name, from_kind, from_connection, list_id, to_kind, to_connection, every_seconds, settings,
                        latest_timestamp, created_by, watch, place)
VALUES (sqlc.arg(name), sqlc.arg(from_kind), sqlc.arg(from_connection), sqlc.arg(list_id), sqlc.arg(to_kind),
        sqlc.arg(to_connection), sqlc.arg(every_seconds), sqlc.arg(settings), sqlc.narg(latest_timestamp),
        sqlc.arg(created_by), sqlc.arg(watch), sqlc.arg(place))
ON CONFLICT (name) DO UPDATE SET every_seconds = excluded.every_seconds,
    settings = s.settings - ARRAY['start_offset', 'items_per_request', 'worker_count'] || excluded.settings,
    latest_timestamp = CASE WHEN EXISTS (SELECT FROM sync_runs r WHERE r.sync = s.name AND r.status = 'running')
                            THEN s.latest_timestamp ELSE excluded.latest_timestamp END,
    paused = false, note = '', version = s.version + 1
WHERE s.watch = excluded.watch AND s.list_id = excluded.list_id AND s.place = excluded.place
RETURNING *;

-- LeaveWatchedSyncs pauses the syncs of a watch whose entries are not in its state file any more.
-- name: LeaveWatchedSyncs :execrows
UPDATE syncs SET paused = true, note = sqlc.arg(note), version = version + 1
WHERE watch = sqlc.arg(watch) AND NOT paused AND NOT (name = ANY (sqlc.arg(names)::text[]));

-- UnrecordedSyncRuns returns the runs of a watch whose results are not in its state file yet, in their order.
-- name: UnrecordedSyncRuns :many
SELECT s.list_id, s.place, sqlc.embed(r) FROM sync_runs r JOIN syncs s ON s.name = r.sync
WHERE r.unrecorded AND s.watch = sqlc.arg(watch) AND s.watch <> ''
ORDER BY r.id;

-- NoteSyncRecorded records that the result of a run is in the state file.
-- name: NoteSyncRecorded :exec
UPDATE sync_runs SET unrecorded = false WHERE id = $1;

-- PendingWatchedSyncs returns the entries of a watch that need a run whatever their timestamps: a run has not ended, such
-- as one that has stopped, or retries of rejected records were requested.
-- name: PendingWatchedSyncs :many
SELECT s.list_id, s.place FROM syncs s
WHERE s.watch = sqlc.arg(watch) AND s.watch <> ''
  AND (EXISTS (SELECT FROM sync_runs r WHERE r.sync = s.name AND r.status = 'running')
       OR EXISTS (SELECT FROM sync_rejects x WHERE x.sync = s.name AND x.retry_at IS NOT NULL))
ORDER BY s.list_id, s.place;
