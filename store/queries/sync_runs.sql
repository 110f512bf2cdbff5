-- RunningSyncRun returns the run of a sync that has not ended.
-- name: RunningSyncRun :one
SELECT * FROM sync_runs WHERE sync = $1 AND status = 'running' FOR UPDATE;

-- CreateSyncRun adds a run.
-- name: CreateSyncRun :one
INSERT INTO sync_runs (sync, kind, since, until, sync_version, skip, requested_by, base, find_run, find_page)
VALUES (sqlc.arg(sync), sqlc.arg(kind), sqlc.narg(since), sqlc.arg(until), sqlc.arg(sync_version), sqlc.arg(skip),
        sqlc.arg(requested_by), sqlc.narg(base), sqlc.narg(find_run), sqlc.narg(find_page))
RETURNING *;

-- ClaimSyncRun begins an attempt at a run, under a new fencing token.
-- name: ClaimSyncRun :one
UPDATE sync_runs SET fencing_token = fencing_token + 1 WHERE id = $1 AND status = 'running' RETURNING *;

-- GetSyncRun returns a run.
-- name: GetSyncRun :one
SELECT * FROM sync_runs WHERE id = $1;

-- ListSyncRuns returns the runs of a sync that a filter selects, the latest first. Empty values select all. A sync keeps
-- some hundred runs.
-- name: ListSyncRuns :many
SELECT * FROM sync_runs
WHERE sync = sqlc.arg(sync) AND id < sqlc.arg(before)::bigint
  AND (sqlc.arg(status)::text = '' OR status = sqlc.arg(status)::text)
  AND (sqlc.arg(kind)::text = '' OR kind = sqlc.arg(kind)::text)
ORDER BY id DESC LIMIT sqlc.arg(row_limit)::bigint;

-- LockSyncRun locks a run until the transaction ends, if the fencing token is that of the current attempt and the run
-- is not complete.
-- name: LockSyncRun :one
SELECT pages, rejected_pages FROM sync_runs
WHERE id = sqlc.arg(id) AND fencing_token = sqlc.arg(fencing_token) AND status = 'running' AND NOT done
FOR UPDATE;

-- AdvanceSyncRun records pages of a run, which is locked.
-- name: AdvanceSyncRun :exec
UPDATE sync_runs
SET cursor = sqlc.arg(cursor), done = sqlc.arg(done)::boolean, pages = sqlc.arg(pages)::bigint,
    read = read + sqlc.arg(read)::bigint, delivered = delivered + sqlc.arg(delivered)::bigint,
    rejected = rejected + sqlc.arg(rejected)::bigint, skipped = skipped + sqlc.arg(skipped)::bigint,
    skip = greatest(skip - sqlc.arg(skipped)::bigint, 0), announced = greatest(announced, sqlc.arg(announced)::bigint),
    progressed_at = now(), rejected_pages = sqlc.arg(rejected_pages)::bigint, error = '',
    stopped_at = CASE WHEN sqlc.arg(stopped)::boolean THEN now() END
WHERE id = sqlc.arg(id);

-- SetSyncAttemptError records why the last attempt at a run failed, which is retried; empty after a success.
-- name: SetSyncAttemptError :exec
UPDATE sync_runs SET error = sqlc.arg(error) WHERE id = sqlc.arg(id) AND status = 'running' AND error <> sqlc.arg(error);

-- ContinueSyncRun lets a run that has stopped continue.
-- name: ContinueSyncRun :one
UPDATE sync_runs SET stopped_at = NULL, rejected_pages = 0 WHERE id = $1 RETURNING *;

-- AddSyncPages records the checkpoints of successive pages.
-- name: AddSyncPages :exec
INSERT INTO sync_pages (run_id, page, read, delivered, rejected, skipped, ids)
SELECT sqlc.arg(run_id)::bigint, unnest(sqlc.arg(pages)::bigint[]), unnest(sqlc.arg(read)::bigint[]),
       unnest(sqlc.arg(delivered)::bigint[]), unnest(sqlc.arg(rejected)::bigint[]),
       unnest(sqlc.arg(skipped)::bigint[]), unnest(sqlc.arg(ids)::bytea[]);

-- ListSyncPages returns the pages of a run, in order.
-- name: ListSyncPages :many
SELECT page, read, delivered, rejected, skipped, stored_at FROM sync_pages
WHERE run_id = sqlc.arg(run_id) AND page > sqlc.arg(after)::bigint
ORDER BY page LIMIT sqlc.arg(row_limit)::bigint;

-- SyncPageIDs returns the sets of a sync's pages that no scan has taken over, some at a time.
-- name: SyncPageIDs :many
SELECT p.run_id, p.page, p.ids FROM sync_pages p JOIN sync_runs r ON r.id = p.run_id
WHERE r.sync = sqlc.arg(sync) AND p.ids IS NOT NULL AND NOT p.taken_over
  AND (p.run_id, p.page) > (sqlc.arg(after_run)::bigint, sqlc.arg(after_page)::bigint)
ORDER BY p.run_id, p.page LIMIT sqlc.arg(row_limit)::bigint;

-- TakeOverSyncPageIDs records that a scan has taken over the sets of pages up to one.
-- name: TakeOverSyncPageIDs :exec
UPDATE sync_pages p SET taken_over = true
FROM sync_runs r
WHERE r.id = p.run_id AND r.sync = sqlc.arg(sync) AND p.ids IS NOT NULL AND NOT p.taken_over
  AND (p.run_id, p.page) <= (sqlc.arg(run_id)::bigint, sqlc.arg(page)::bigint);

-- ClearSyncPageIDs removes the sets of pages that a scan has taken over and that are too old for a search.
-- name: ClearSyncPageIDs :exec
UPDATE sync_pages p SET ids = NULL
FROM sync_runs r
WHERE r.id = p.run_id AND r.sync = sqlc.arg(sync) AND p.ids IS NOT NULL AND p.taken_over
  AND p.stored_at < now() - interval '7 days';

-- EndSyncRun ends a run. The result of a success has still to be written into the state file, if there is one.
-- name: EndSyncRun :one
UPDATE sync_runs
SET status = sqlc.arg(status), error = sqlc.arg(error), error_class = sqlc.arg(error_class),
    source_count = sqlc.narg(source_count), ended_at = now(),
    unrecorded = sqlc.arg(status)::text = 'succeeded'
                 AND EXISTS (SELECT FROM syncs s WHERE s.name = sync_runs.sync AND s.watch <> '')
WHERE id = sqlc.arg(id) AND status = 'running'
RETURNING *;

-- NoteSyncSucceeded records the success of a run with its sync. A change by a user since the run began
-- stays: latest_timestamp is only set if there was none.
-- name: NoteSyncSucceeded :exec
UPDATE syncs s
SET latest_timestamp = CASE WHEN s.version = r.sync_version THEN r.until ELSE s.latest_timestamp END,
    elapsed_seconds = round(extract(epoch FROM r.ended_at - r.started_at)::numeric, 1)::float8,
    total_updates = r.delivered, succeeded_at = r.ended_at,
    current_to = CASE WHEN s.succeeded_at IS NULL THEN r.until ELSE greatest(s.current_to, r.until) END
FROM sync_runs r
WHERE r.id = sqlc.arg(run_id) AND s.name = r.sync;

-- DeleteSyncRuns deletes old runs of a sync with their pages, but not those that a scan or the warehouse still
-- needs.
-- name: DeleteSyncRuns :execrows
DELETE FROM sync_runs r
WHERE r.sync = sqlc.arg(sync) AND r.status <> 'running' AND NOT r.unrecorded AND r.exported
  AND r.id < (SELECT coalesce(min(k.id), 0) FROM (SELECT x.id FROM sync_runs x WHERE x.sync = sqlc.arg(sync)
              ORDER BY x.id DESC LIMIT sqlc.arg(keep)::bigint) k)
  AND NOT EXISTS (SELECT FROM sync_pages p WHERE p.run_id = r.id AND p.ids IS NOT NULL AND NOT p.taken_over);

-- AddSyncRejects adds records that were rejected, or counts them again.
-- name: AddSyncRejects :exec
INSERT INTO sync_rejects (sync, run_id, key, unidentified, stage, reason)
SELECT sqlc.arg(sync)::text, sqlc.narg(run_id)::bigint, unnest(sqlc.arg(keys)::text[]),
       unnest(sqlc.arg(unidentified)::boolean[]), unnest(sqlc.arg(stages)::text[]), unnest(sqlc.arg(reasons)::text[])
ON CONFLICT (sync, key) DO UPDATE SET run_id = excluded.run_id, stage = excluded.stage, reason = excluded.reason,
    times = sync_rejects.times + 1, last_at = now(), retry_at = NULL;

-- RemoveSyncRejects removes records that are delivered now, or do not exist any more.
-- name: RemoveSyncRejects :execrows
DELETE FROM sync_rejects WHERE sync = sqlc.arg(sync) AND key = ANY (sqlc.arg(keys)::text[]);

-- ListSyncRejects returns the rejected records of a sync that a filter selects, the oldest first. Empty values select
-- all. Upper and lower case are the same as far as the locale of the database has them.
-- name: ListSyncRejects :many
SELECT * FROM sync_rejects
WHERE sync = sqlc.arg(sync) AND id > sqlc.arg(after)::bigint
  AND (sqlc.arg(stage)::text = '' OR stage = sqlc.arg(stage)::text)
  AND (sqlc.narg(retried)::boolean IS NULL OR (retry_at IS NOT NULL) = sqlc.narg(retried)::boolean)
  AND (sqlc.arg(text)::text = '' OR position(lower(sqlc.arg(text)::text) IN lower(reason)) > 0)
ORDER BY id LIMIT sqlc.arg(row_limit)::bigint;

-- CountSyncRejects counts the rejected records of a sync.
-- name: CountSyncRejects :one
SELECT count(*) FROM sync_rejects WHERE sync = $1;

-- RequestSyncRetries requests a retry of rejected records, of all without ids.
-- name: RequestSyncRetries :execrows
UPDATE sync_rejects SET retry_at = now()
WHERE sync = sqlc.arg(sync) AND NOT unidentified
  AND (cardinality(sqlc.arg(ids)::bigint[]) = 0 OR id = ANY (sqlc.arg(ids)::bigint[]));

-- WaitingSyncRetries returns records for which a retry was requested, the oldest first.
-- name: WaitingSyncRetries :many
SELECT key FROM sync_rejects WHERE sync = sqlc.arg(sync) AND retry_at IS NOT NULL
ORDER BY id LIMIT sqlc.arg(row_limit)::bigint;
