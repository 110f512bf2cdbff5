-- CreateImport adds a queued import.
-- name: CreateImport :one
INSERT INTO imports (site_id, source, label, args, on_part_failure, max_rejects, max_reject_share,
                     max_reject_ceiling, chunk_rows, chunk_bytes, parallelism, idempotency_key, requested_by, notify, review, require_second_approver,
                     review_reminder_s, review_expiry_s, rate, schedule)
VALUES (@site_id, @source, @label, @args, @on_part_failure, @max_rejects, @max_reject_share,
        @max_reject_ceiling, @chunk_rows, @chunk_bytes, @parallelism, @idempotency_key, @requested_by, @notify, @review, @require_second_approver,
        @review_reminder_s, @review_expiry_s, @rate, @schedule)
RETURNING *;

-- CountImports returns how many imports of a site are there or on their way.
-- name: CountImports :one
SELECT count(*) FROM imports WHERE site_id = $1 AND status IN ('queued', 'running', 'parked', 'in_review', 'completed');

-- ImportByIdempotencyKey returns the import that was started under that key.
-- name: ImportByIdempotencyKey :one
SELECT * FROM imports WHERE site_id = $1 AND idempotency_key = sqlc.arg(key)::text;

-- ImportByID returns an import.
-- name: ImportByID :one
SELECT * FROM imports WHERE id = $1;

-- ImportSummaries returns imports by their numbers, newest first, each with its site, the sums of its parts, the number
-- of warnings and errors in its log and the last error there; with_data adds the summary for reviewers.
-- name: ImportSummaries :many
SELECT sqlc.embed(i), s.domain, s.native_start, s.first_event,
       t.parts_total, t.parts_done, t.bytes_total, t.bytes_read,
       t.rows_read, t.rows_loaded, t.rows_rejected, t.rows_out_of_range, t.rows_left_out,
       l.warnings, l.errors, l.last_error, d.summary AS data
FROM imports i
JOIN sites s ON s.id = i.site_id
LEFT JOIN import_data d ON d.import_id = i.id AND sqlc.arg(with_data)::boolean
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE f.level = 'warn') AS warnings,
           count(*) FILTER (WHERE f.level = 'error') AS errors,
           coalesce((array_agg(f.message ORDER BY f.seq DESC) FILTER (WHERE f.level = 'error'))[1], '')::text AS last_error
    FROM feedback f WHERE f.import_id = i.id AND f.level <> 'info'
) l
CROSS JOIN LATERAL (
    SELECT count(*) AS parts_total,
           count(*) FILTER (WHERE p.status IN ('done', 'skipped')) AS parts_done,
           coalesce(sum(p.bytes_total), 0)::bigint AS bytes_total,
           coalesce(sum(p.bytes_read), 0)::bigint AS bytes_read,
           coalesce(sum(p.rows_read), 0)::bigint AS rows_read,
           coalesce(sum(p.rows_loaded), 0)::bigint AS rows_loaded,
           coalesce(sum(p.rows_rejected), 0)::bigint AS rows_rejected,
           coalesce(sum(p.rows_out_of_range), 0)::bigint AS rows_out_of_range,
           coalesce(sum(p.rows_left_out), 0)::bigint AS rows_left_out
    FROM parts p WHERE p.import_id = i.id
) t
WHERE i.id = ANY (sqlc.arg(ids)::bigint[])
ORDER BY i.id DESC;

-- SetWorkflow notes the workflow that carries the import out, and its run unless a
-- run has noted itself meanwhile.
-- name: SetWorkflow :exec
UPDATE imports
SET workflow_id = sqlc.arg(workflow_id), run_id = CASE WHEN run_id = '' THEN sqlc.arg(run_id) ELSE run_id END
WHERE id = sqlc.arg(id);

-- EnterPhase moves an import that has not ended to a phase, in the name of a
-- workflow run and of a grant of its locks. It is a no-op where the import has ended or
-- uses another grant, so that a late attempt changes nothing. One that loads is parked
-- as long as one of its parts is.
-- name: EnterPhase :execrows
UPDATE imports
SET phase = sqlc.arg(phase), status = CASE
        WHEN sqlc.arg(status) = 'running' AND sqlc.arg(phase) = 'loading'
             AND EXISTS (SELECT 1 FROM parts p WHERE p.import_id = imports.id AND p.status = 'parked') THEN 'parked'
        ELSE sqlc.arg(status) END, run_id = sqlc.arg(run_id), attempt_error = '',
    wait_until = NULL, wait_reason = '',
    started_at = CASE WHEN sqlc.arg(status) = 'queued' THEN started_at ELSE coalesce(started_at, now()) END
WHERE id = sqlc.arg(id) AND status IN ('queued', 'running', 'parked', 'in_review')
  AND (imports.fencing_token = sqlc.arg(fencing_token) OR sqlc.arg(fencing_token) < 0);

-- BeginCheck moves an import to before_start, in the name of a workflow run. It is a
-- no-op where the run has gone further, so that a late attempt changes nothing.
-- name: BeginCheck :execrows
UPDATE imports
SET phase = 'before_start', status = 'queued', run_id = sqlc.arg(run_id), attempt_error = '', wait_until = NULL, wait_reason = ''
WHERE id = sqlc.arg(id) AND status IN ('queued', 'running', 'parked', 'in_review')
  AND (run_id <> sqlc.arg(run_id) OR phase IN ('queued', 'before_start'));

-- MarkChecked notes that before_start has found that the import can work.
-- name: MarkChecked :exec
UPDATE imports SET checked_at = coalesce(checked_at, now()), attempt_error = ''
WHERE id = $1 AND status IN ('queued', 'running', 'parked', 'in_review');

-- ReopenImport lets another run of the workflow, which a reset has made, begin
-- again with an import that had not completed. The run that ended it cannot do so.
-- name: ReopenImport :execrows
UPDATE imports
SET status = 'queued', run_id = sqlc.arg(run_id), generation = generation + 1, error = '', error_class = '',
    finished_at = NULL, paused = false, days_claimed = false, phase = 'queued', checked_at = NULL,
    ending = '', ending_class = '', ending_reason = ''
WHERE id = sqlc.arg(id) AND status IN ('failed', 'cancelled', 'declined') AND run_id <> sqlc.arg(run_id);

-- SetPaused notes whether an import is paused.
-- name: SetPaused :exec
UPDATE imports SET paused = $2 WHERE id = $1;

-- SetRate notes how many rows a second an import may load.
-- name: SetRate :exec
UPDATE imports SET rate = $2 WHERE id = $1;

-- SetWait notes until when an import waits for its source, and why.
-- name: SetWait :exec
UPDATE imports SET wait_until = sqlc.narg(wait_until), wait_reason = sqlc.arg(wait_reason)
WHERE id = sqlc.arg(id) AND status IN ('queued', 'running', 'parked', 'in_review');

-- SetFingerprint notes the hash of what an import reads.
-- name: SetFingerprint :exec
UPDATE imports SET fingerprint = $2 WHERE id = $1;

-- ImportedBefore returns the completed import of the same content. With all_of_it it is
-- one that has brought all of it in: no row was left out, and no part skipped.
-- name: ImportedBefore :one
SELECT id FROM imports i
WHERE site_id = sqlc.arg(site_id) AND source = sqlc.arg(source) AND fingerprint = sqlc.arg(fingerprint)
  AND fingerprint <> '' AND status = 'completed' AND id <> sqlc.arg(except_id)
  AND NOT (sqlc.arg(all_of_it)::boolean AND EXISTS (
      SELECT 1 FROM parts p WHERE p.import_id = i.id AND (p.status <> 'done' OR p.rows_left_out > 0)))
ORDER BY id DESC LIMIT 1;

-- SetAttemptError notes why the last attempt at something failed.
-- name: SetAttemptError :execrows
UPDATE imports SET attempt_error = sqlc.arg(attempt_error)
WHERE id = sqlc.arg(id) AND status IN ('queued', 'running', 'parked', 'in_review', 'deleting');

-- SetDays notes what the source has and what of it is imported.
-- name: SetDays :exec
UPDATE imports SET start_date = $2, end_date = $3, days = $4 WHERE id = $1;

-- FinishImport ends an import that has not ended.
-- name: FinishImport :execrows
UPDATE imports
SET status = sqlc.arg(status), phase = sqlc.arg(status), error = sqlc.arg(reason), error_class = sqlc.arg(error_class),
    attempt_error = '', workflow_fault = '', wait_until = NULL, wait_reason = '', paused = false, fencing_token = 0,
    days_claimed = days_claimed AND sqlc.arg(status) = 'completed',
    finished_at = now(), started_at = coalesce(started_at, now())
WHERE id = sqlc.arg(id) AND status IN ('queued', 'running', 'parked', 'in_review');

-- StartDeleting marks an ended import for deletion.
-- name: StartDeleting :execrows
UPDATE imports SET status = 'deleting', workflow_id = '', run_id = '', recover_after = NULL
WHERE id = $1 AND status IN ('completed', 'unchanged', 'failed', 'cancelled', 'declined');

-- DeleteImport removes an import that is marked for deletion, with its parts,
-- chunks and feedback.
-- name: DeleteImport :execrows
DELETE FROM imports WHERE id = $1 AND status = 'deleting';

-- UnstartedImports returns imports whose workflow was not started within the
-- given time: their starter died between the two.
-- name: UnstartedImports :many
SELECT sqlc.embed(i), s.domain FROM imports i JOIN sites s ON s.id = i.site_id
WHERE i.run_id = '' AND i.status IN ('queued', 'deleting') AND i.created_at < sqlc.arg(created_before)
ORDER BY i.id LIMIT 100;

-- EndedImports returns the imports of a site that can be deleted.
-- name: EndedImports :many
SELECT id FROM imports
WHERE site_id = $1 AND status IN ('completed', 'unchanged', 'failed', 'cancelled', 'declined') ORDER BY id;

-- CountActive returns how many imports of a site are under way.
-- name: CountActive :one
SELECT count(*) FROM imports WHERE site_id = $1 AND status IN ('queued', 'running', 'parked', 'in_review');

-- ImportSite returns the domain of an import's site, if it is one of the given sites; NULL is all sites.
-- name: ImportSite :one
SELECT s.domain FROM imports i JOIN sites s ON s.id = i.site_id
WHERE i.id = sqlc.arg(id) AND (sqlc.narg(sites)::text[] IS NULL OR s.domain = ANY (sqlc.narg(sites)::text[]));
