-- ClaimUncompared returns imports that were not compared with their workflows for some
-- seconds, the longest ago first. Each is claimed by one caller.
-- name: ClaimUncompared :many
UPDATE imports SET compared_at = now()
WHERE id IN (
    SELECT c.id FROM imports c
    WHERE (c.closed_at IS NULL OR c.status = 'deleting') AND c.run_id <> ''
      AND c.compared_at < now() - make_interval(secs => sqlc.arg(interval_s)::double precision)
    ORDER BY c.compared_at LIMIT sqlc.arg(row_limit) FOR UPDATE SKIP LOCKED)
RETURNING id;

-- BeginRecovery counts a recovery of an import whose workflow is not done, unless it is too early
-- for another one: waits double from 15 seconds to an hour.
-- name: BeginRecovery :one
UPDATE imports
SET recoveries = recoveries + 1, behind_since = NULL, workflow_fault = '',
    recover_after = now() + least(3600, 15 * power(2, least(recoveries, 10))) * interval '1 second'
WHERE id = sqlc.arg(id) AND (closed_at IS NULL OR status = 'deleting')
  AND (recover_after IS NULL OR recover_after <= now())
RETURNING recoveries;

-- ForgetRecovery lets the next recovery of an import begin at once: this one did not.
-- name: ForgetRecovery :exec
UPDATE imports SET recover_after = NULL, recoveries = greatest(0, recoveries - 1) WHERE id = $1;

-- NoteWorkflowState notes how the running workflow of an import stands: why its task fails,
-- and whether it is ahead of the import.
-- name: NoteWorkflowState :exec
UPDATE imports
SET workflow_fault = sqlc.arg(fault), behind_since = CASE WHEN sqlc.arg(behind)::boolean THEN coalesce(behind_since, now()) END,
    recoveries = CASE WHEN recover_after < now() - interval '1 minute' THEN 0 ELSE recoveries END
WHERE id = sqlc.arg(id) AND (workflow_fault <> sqlc.arg(fault) OR sqlc.arg(behind)::boolean OR behind_since IS NOT NULL OR recoveries > 0);

-- CountFaulty returns how many imports have a workflow whose task fails.
-- name: CountFaulty :one
SELECT count(*) FROM imports
WHERE workflow_fault <> '' AND status IN ('queued', 'running', 'parked', 'in_review', 'deleting');

-- BeginEnding notes how an import ends, before anything of it is purged. The first end
-- counts.
-- name: BeginEnding :exec
UPDATE imports
SET ending = sqlc.arg(ending), ending_class = sqlc.arg(ending_class), ending_reason = sqlc.arg(ending_reason)
WHERE id = sqlc.arg(id) AND ending = '' AND status IN ('queued', 'running', 'parked', 'in_review');

-- RaiseGeneration makes an import another one for the warehouse, which may hold rows of an
-- import that had the same number.
-- name: RaiseGeneration :exec
UPDATE imports SET generation = generation + 1 WHERE id = $1;

-- CloseImport notes that the workflow of an ended import has nothing left to do.
-- name: CloseImport :exec
UPDATE imports SET closed_at = coalesce(closed_at, now()) WHERE id = $1;
