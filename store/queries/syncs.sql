-- CreateSync adds a sync, unless one has its name.
-- name: CreateSync :one
INSERT INTO syncs (name, from_kind, from_connection, list_id, to_kind, to_connection, every_seconds, settings,
                   latest_timestamp, created_by)
VALUES (sqlc.arg(name), sqlc.arg(from_kind), sqlc.arg(from_connection), sqlc.arg(list_id), sqlc.arg(to_kind),
        sqlc.arg(to_connection), sqlc.arg(every_seconds), sqlc.arg(settings), sqlc.narg(latest_timestamp),
        sqlc.arg(created_by))
ON CONFLICT DO NOTHING
RETURNING *;

-- GetSync returns a sync.
-- name: GetSync :one
SELECT * FROM syncs WHERE name = $1;

-- LockSync returns a sync and locks it until the transaction ends.
-- name: LockSync :one
SELECT * FROM syncs WHERE name = $1 FOR UPDATE;

-- ListSyncs returns all syncs in order of their names.
-- name: ListSyncs :many
SELECT sqlc.embed(s), coalesce(r.rejects, 0)::bigint AS rejects, coalesce(l.id, 0)::bigint AS last_run,
       coalesce(l.status, '')::text AS last_status, coalesce(l.error, '')::text AS last_error,
       coalesce(l.stopped, false)::boolean AS last_stopped
FROM syncs s
LEFT JOIN LATERAL (SELECT count(*) AS rejects FROM sync_rejects x WHERE x.sync = s.name) r ON true
LEFT JOIN LATERAL (SELECT y.id, y.status, y.error, y.stopped_at IS NOT NULL AS stopped
                   FROM sync_runs y WHERE y.sync = s.name ORDER BY y.id DESC LIMIT 1) l ON true
WHERE s.name > sqlc.arg(after)::text
ORDER BY s.name
LIMIT sqlc.arg(row_limit)::bigint;

-- ChangeSync changes what users can change, if the sync has the version that the change was made from.
-- name: ChangeSync :one
UPDATE syncs
SET every_seconds = sqlc.arg(every_seconds), settings = sqlc.arg(settings),
    latest_timestamp = sqlc.narg(latest_timestamp), elapsed_seconds = sqlc.narg(elapsed_seconds),
    total_updates = sqlc.narg(total_updates), paused = sqlc.arg(paused), note = sqlc.arg(note), version = version + 1
WHERE name = sqlc.arg(name) AND version = sqlc.arg(version)
RETURNING *;

-- DeleteSync deletes a sync with its runs and rejects.
-- name: DeleteSync :execrows
DELETE FROM syncs WHERE name = $1;

-- NoteSyncWoken records that the schedule has woken a sync.
-- name: NoteSyncWoken :execrows
UPDATE syncs SET woken_at = now() WHERE name = $1;

-- UncomparedSyncs returns syncs that were not compared with Temporal's schedules for a while, and notes
-- that they are now. Entries of state files have no schedules.
-- name: UncomparedSyncs :many
UPDATE syncs SET compared_at = now()
WHERE name IN (SELECT s.name FROM syncs s
               WHERE s.watch = ''
                 AND (s.compared_at IS NULL OR s.compared_at < now() - make_interval(secs => sqlc.arg(seconds)::float8)
                      OR s.applied_version <> s.version)
               ORDER BY s.compared_at NULLS FIRST LIMIT sqlc.arg(row_limit)::bigint FOR UPDATE SKIP LOCKED)
RETURNING *;

-- NoteSyncApplied records that Temporal's schedule is that of a version.
-- name: NoteSyncApplied :exec
UPDATE syncs SET applied_version = sqlc.arg(version) WHERE name = sqlc.arg(name);

-- AlarmingSyncs returns syncs that need an alarm and have none, and those that have one and have recovered,
-- and locks them. A sync is late when it has missed too many cycles; a cycle is missed when the next one is
-- due and no run has succeeded. exceeded means that the last scan has found too many records missing, differing
-- that the last full load differs too much from the counts of the source, stopped that the run was stopped: if it was
-- continued, it still has to show that it does not stop again.
-- name: AlarmingSyncs :many
SELECT s.name, s.list_id, s.from_connection, s.to_connection, s.every_seconds, s.current_to, s.alarmed_at,
       x.late, x.exceeded, x.differing, x.stopped, coalesce(l.error, '')::text AS last_error
FROM syncs s
CROSS JOIN LATERAL (
    SELECT (s.current_to + make_interval(secs => s.every_seconds
            * (coalesce((s.settings->>'alarm_after')::float8, sqlc.arg(default_after)::float8) + 1)) <= now())::boolean AS late,
           EXISTS (SELECT FROM sync_known k WHERE k.sync = s.name AND k.exceeded)::boolean AS exceeded,
           EXISTS (SELECT FROM sync_counts c WHERE c.sync = s.name AND c.exceeded)::boolean AS differing,
           EXISTS (SELECT FROM sync_runs t WHERE t.sync = s.name AND t.status = 'running'
                   AND (t.stopped_at IS NOT NULL OR t.started_at <= s.alarmed_at))::boolean AS stopped
) x
LEFT JOIN LATERAL (SELECT r.error FROM sync_runs r WHERE r.sync = s.name ORDER BY r.id DESC LIMIT 1) l ON true
WHERE NOT s.paused AND (s.alarmed_at IS NULL) = (x.late OR x.exceeded OR x.differing OR x.stopped)
ORDER BY s.name
LIMIT sqlc.arg(row_limit)::bigint
FOR UPDATE OF s SKIP LOCKED;

-- RaiseSyncAlarm records the alarm of a sync, and returns its number.
-- name: RaiseSyncAlarm :one
UPDATE syncs SET alarmed_at = now(), alarms = alarms + 1 WHERE name = $1 RETURNING alarms;

-- EndSyncAlarm records that a sync has recovered, and returns the number of its alarm.
-- name: EndSyncAlarm :one
UPDATE syncs SET alarmed_at = NULL WHERE name = $1 RETURNING alarms;
