-- InsertSchedule adds a schedule, unless there is one of that name.
-- name: InsertSchedule :execrows
INSERT INTO schedules (name, definition, paused, note, created_at)
VALUES (sqlc.arg(name), sqlc.arg(definition), sqlc.arg(paused), sqlc.arg(note), sqlc.arg(created_at))
ON CONFLICT (name) DO NOTHING;

-- FillSchedule sets everything of a schedule that is being adopted.
-- name: FillSchedule :exec
UPDATE schedules
SET definition = sqlc.arg(definition), paused = sqlc.arg(paused), note = sqlc.arg(note), created_at = sqlc.arg(created_at)
WHERE name = sqlc.arg(name);

-- SetSchedulePaused sets whether a schedule is paused, and why.
-- name: SetSchedulePaused :execrows
UPDATE schedules SET paused = sqlc.arg(paused), note = sqlc.arg(note)
WHERE name = sqlc.arg(name) AND deleted_at IS NULL;

-- PauseRunningSchedule pauses a schedule that is not paused.
-- name: PauseRunningSchedule :exec
UPDATE schedules SET paused = true, note = sqlc.arg(note)
WHERE name = sqlc.arg(name) AND NOT paused AND deleted_at IS NULL;

-- ScheduleByName returns a schedule.
-- name: ScheduleByName :one
SELECT * FROM schedules WHERE name = $1;

-- LockSchedule returns a schedule and keeps others from changing it.
-- name: LockSchedule :one
SELECT * FROM schedules WHERE name = $1 FOR UPDATE;

-- ListSchedules returns all schedules, also those that are being deleted.
-- name: ListSchedules :many
SELECT * FROM schedules ORDER BY name;

-- ClaimUncomparedSchedules returns schedules that were not compared with Temporal's for some
-- seconds, the longest ago first. Each is claimed by one caller.
-- name: ClaimUncomparedSchedules :many
UPDATE schedules SET compared_at = now()
WHERE name IN (
    SELECT c.name FROM schedules c
    WHERE c.compared_at < now() - make_interval(secs => sqlc.arg(interval_s)::double precision)
    ORDER BY c.compared_at LIMIT sqlc.arg(row_limit) FOR UPDATE SKIP LOCKED)
RETURNING name;

-- MarkScheduleDeleted records that a schedule is to be deleted.
-- name: MarkScheduleDeleted :exec
UPDATE schedules SET deleted_at = coalesce(deleted_at, now()) WHERE name = $1;

-- RemoveSchedule removes a schedule that is to be deleted.
-- name: RemoveSchedule :exec
DELETE FROM schedules WHERE name = $1 AND deleted_at IS NOT NULL;

-- ScheduleSite returns the site of a schedule, if it is one of the given sites; NULL is all sites.
-- name: ScheduleSite :one
SELECT (definition #>> '{input,request,site}')::text AS site FROM schedules
WHERE name = sqlc.arg(name) AND deleted_at IS NULL
  AND (sqlc.narg(sites)::text[] IS NULL OR definition #>> '{input,request,site}' = ANY (sqlc.narg(sites)::text[]));

-- ScheduleNames returns the names of schedules of some sites behind a name that a filter selects. NULL is all sites,
-- and an empty value of the filter selects all. The text is in the name, the site or the source.
-- name: ScheduleNames :many
SELECT name FROM schedules
WHERE deleted_at IS NULL AND name > sqlc.arg(after)::text
  AND (sqlc.narg(sites)::text[] IS NULL OR definition #>> '{input,request,site}' = ANY (sqlc.narg(sites)::text[]))
  AND (sqlc.narg(paused)::boolean IS NULL OR paused = sqlc.narg(paused)::boolean)
  AND (sqlc.arg(source)::text = '' OR definition #>> '{input,request,source}' = sqlc.arg(source)::text)
  AND (sqlc.arg(text)::text = ''
       OR position(lower(sqlc.arg(text)::text) IN lower(name)) > 0
       OR position(lower(sqlc.arg(text)::text) IN lower(definition #>> '{input,request,site}')) > 0
       OR position(lower(sqlc.arg(text)::text) IN lower(definition #>> '{input,request,source}')) > 0)
ORDER BY name LIMIT sqlc.arg(row_limit);

-- SetSchedule replaces the definition of a schedule that has not changed since it was read.
-- name: SetSchedule :execrows
UPDATE schedules SET definition = sqlc.arg(definition), note = sqlc.arg(note)
WHERE name = sqlc.arg(name) AND deleted_at IS NULL AND definition::text = sqlc.arg(before)::text;
