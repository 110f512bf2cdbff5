-- GetSyncAudit returns the last reading of the errors of an account, and the time.
-- name: GetSyncAudit :one
SELECT version, read_at, errors FROM sync_audits WHERE account = $1;

-- SyncNow returns the time of the database.
-- name: SyncNow :one
SELECT clock_timestamp()::timestamptz AS now;

-- AddSyncAudit records the first reading of the errors of an account.
-- name: AddSyncAudit :execrows
INSERT INTO sync_audits (account, read_at, errors)
VALUES (sqlc.arg(account), sqlc.arg(read_at), sqlc.arg(errors)) ON CONFLICT DO NOTHING;

-- SaveSyncAudit records a reading, if the last one has a version.
-- name: SaveSyncAudit :execrows
UPDATE sync_audits SET version = version + 1, read_at = sqlc.arg(read_at), errors = sqlc.arg(errors)
WHERE account = sqlc.arg(account) AND version = sqlc.arg(version);

-- SyncPagesBetween returns the pages that were delivered to an account in a time, by run.
-- name: SyncPagesBetween :many
SELECT p.run_id, min(p.page)::bigint AS first_page, max(p.page)::bigint AS last_page
FROM sync_pages p JOIN sync_runs r ON r.id = p.run_id
WHERE r.account = sqlc.arg(account)::text AND p.delivered > 0
  AND p.stored_at BETWEEN sqlc.arg(since)::timestamptz AND sqlc.arg(until)::timestamptz
GROUP BY p.run_id ORDER BY p.run_id LIMIT sqlc.arg(row_limit)::bigint;

-- AddSyncLateErrors adds errors that appeared between two readings.
-- name: AddSyncLateErrors :one
INSERT INTO sync_late_errors (account, since, until, errors, exact, reasons)
VALUES (sqlc.arg(account), sqlc.arg(since), sqlc.arg(until), sqlc.arg(errors), sqlc.arg(exact), sqlc.arg(reasons))
RETURNING id;

-- AddSyncLateErrorPages adds pages that may have the records of errors.
-- name: AddSyncLateErrorPages :exec
INSERT INTO sync_late_error_pages (error_id, run_id, first_page, last_page)
VALUES (sqlc.arg(error_id), sqlc.arg(run_id), sqlc.arg(first_page), sqlc.arg(last_page));

-- DeleteSyncLateErrors deletes errors of an account whose runs were deleted.
-- name: DeleteSyncLateErrors :exec
DELETE FROM sync_late_errors e
WHERE e.account = $1 AND NOT EXISTS (SELECT FROM sync_late_error_pages p WHERE p.error_id = e.id);

-- SyncRunLateErrors returns the numbers of errors of the later validation that may be about records of runs.
-- name: SyncRunLateErrors :many
SELECT p.run_id, sum(e.errors)::bigint AS errors
FROM sync_late_error_pages p JOIN sync_late_errors e ON e.id = p.error_id
WHERE p.run_id = ANY (sqlc.arg(runs)::bigint[]) GROUP BY p.run_id;

-- NoteSyncRunAccount records the account that a run writes to.
-- name: NoteSyncRunAccount :exec
UPDATE sync_runs SET account = sqlc.arg(account) WHERE id = sqlc.arg(id) AND account <> sqlc.arg(account);

-- NoteSyncAuditError records why the errors of a run's account could not be read, empty for none.
-- name: NoteSyncAuditError :exec
UPDATE sync_runs SET audit_error = sqlc.arg(audit_error) WHERE id = sqlc.arg(id) AND audit_error <> sqlc.arg(audit_error);

-- GetSyncPageIDs returns the set of a page.
-- name: GetSyncPageIDs :one
SELECT ids FROM sync_pages WHERE run_id = sqlc.arg(run_id) AND page = sqlc.arg(page) AND ids IS NOT NULL;

-- AdvanceSyncSearch records the progress of a search, if the fencing token is that of the current attempt.
-- name: AdvanceSyncSearch :execrows
UPDATE sync_runs
SET cursor = sqlc.arg(cursor), done = sqlc.arg(done)::boolean, pages = sqlc.arg(pages)::bigint,
    read = sqlc.arg(read)::bigint, delivered = sqlc.arg(delivered)::bigint, rejected = sqlc.arg(rejected)::bigint,
    progressed_at = now()
WHERE id = sqlc.arg(id) AND fencing_token = sqlc.arg(fencing_token) AND status = 'running' AND NOT done;
