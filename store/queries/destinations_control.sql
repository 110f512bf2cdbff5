-- EditJob replaces the payload of a job.
-- name: EditJob :exec
UPDATE jobs SET context = $2, data = $3, updated_at = now() WHERE id = $1;

-- AddEdit keeps the current payload of a job.
-- name: AddEdit :exec
INSERT INTO job_edits (job_id, by, context, data)
SELECT j.id, sqlc.arg(by)::text, j.context, j.data FROM jobs j WHERE j.id = sqlc.arg(job_id);

-- ReplayJob adds a copy of a job under another ID.
-- name: ReplayJob :execrows
INSERT INTO jobs (id, destination, action, version, context, data, event_id, replay_of, sent_at, last_error, unprepared)
SELECT sqlc.arg(new_id)::text, j.destination, j.action, j.version, j.context, j.data, j.event_id, j.id, j.sent_at,
       sqlc.arg(reason)::jsonb, j.unprepared
FROM jobs j WHERE j.id = sqlc.arg(id);

-- SettingsOf returns the operator's settings of a destination and its actions, or of all destinations.
-- name: SettingsOf :many
SELECT * FROM destination_settings
WHERE sqlc.narg(destination)::text IS NULL OR destination = sqlc.narg(destination)
ORDER BY destination, action;

-- PutSettings replaces settings of a version, or adds them.
-- name: PutSettings :one
INSERT INTO destination_settings (destination, action, paused, realtime, interval, time_zone, max_retries, concurrency,
                                  batch_size, rate, updated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (destination, action) DO UPDATE
SET paused = excluded.paused, realtime = excluded.realtime, interval = excluded.interval,
    time_zone = excluded.time_zone, max_retries = excluded.max_retries, concurrency = excluded.concurrency,
    batch_size = excluded.batch_size, rate = excluded.rate, updated_by = excluded.updated_by, updated_at = now(),
    version = destination_settings.version + 1
WHERE destination_settings.version = sqlc.arg(replaces)::bigint
RETURNING *;

-- PauseDestination pauses or resumes a destination or an action.
-- name: PauseDestination :exec
INSERT INTO destination_settings (destination, action, paused, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (destination, action) DO UPDATE
SET paused = excluded.paused, updated_by = excluded.updated_by, updated_at = now(),
    version = destination_settings.version + 1
WHERE destination_settings.paused <> excluded.paused;

-- AllowRetention lets the transaction delete transitions.
-- name: AllowRetention :exec
SELECT set_config('sluice.retention', 'on', true);

-- RequeueJob makes a job due now and resets its attempts.
-- name: RequeueJob :exec
UPDATE jobs
SET state = 'awaiting', due_at = now(), attempt = 0, finished_at = NULL, updated_at = now(), last_error = sqlc.arg(reason)::jsonb
WHERE id = sqlc.arg(id);
