-- AddSyncChanges adds rows to the outbox of a run, in order.
-- name: AddSyncChanges :exec
WITH run AS (
    UPDATE sync_runs SET change_seq = change_seq + cardinality(sqlc.arg(pages)::bigint[])
    WHERE id = sqlc.arg(run_id) RETURNING id, change_seq - cardinality(sqlc.arg(pages)::bigint[]) AS before
)
INSERT INTO sync_outbox (run_id, seq, page, changes)
SELECT run.id, run.before + generate_series(1, cardinality(sqlc.arg(pages)::bigint[])),
       unnest(sqlc.arg(pages)::bigint[]), unnest(sqlc.arg(changes)::bytea[]) FROM run;

-- UnexportedSyncRuns returns runs of which the warehouse does not have everything, the oldest first.
-- name: UnexportedSyncRuns :many
SELECT id FROM sync_runs
WHERE (exported_seq < change_seq OR (NOT exported AND status <> 'running')) AND id > sqlc.arg(after)::bigint
ORDER BY id LIMIT sqlc.arg(row_limit)::bigint;

-- LeaseSyncExport takes the lease of the copy of a run to the warehouse, if no other worker has it.
-- name: LeaseSyncExport :one
UPDATE sync_runs
SET export_token = export_token + 1, export_until = now() + make_interval(secs => sqlc.arg(seconds)::float8)
WHERE id = sqlc.arg(id) AND (export_until IS NULL OR export_until <= now())
RETURNING export_token;

-- ReleaseSyncExport ends a lease, unless another worker has taken it meanwhile.
-- name: ReleaseSyncExport :exec
UPDATE sync_runs SET export_until = NULL WHERE id = sqlc.arg(id) AND export_token = sqlc.arg(export_token);

-- ClaimSyncExport returns the range of a run's outbox that is to be inserted next, and stores it: a range that was
-- begun is repeated.
-- name: ClaimSyncExport :one
UPDATE sync_runs
SET exporting_seq = CASE WHEN exporting_seq > exported_seq THEN exporting_seq
                         ELSE least(change_seq, exported_seq + sqlc.arg(max_rows)::bigint) END
WHERE id = sqlc.arg(id) AND exported_seq < change_seq
RETURNING sync, exported_seq, exporting_seq, export_repairs, started_at;

-- ListSyncOutbox returns rows of a run's outbox, in order.
-- name: ListSyncOutbox :many
SELECT * FROM sync_outbox
WHERE run_id = sqlc.arg(run_id) AND seq BETWEEN sqlc.arg(from_seq)::bigint AND sqlc.arg(to_seq)::bigint ORDER BY seq;

-- NoteSyncExported records that the warehouse has the outbox of a run up to a row.
-- name: NoteSyncExported :exec
UPDATE sync_runs SET exported_seq = sqlc.arg(seq) WHERE id = sqlc.arg(id) AND exported_seq < sqlc.arg(seq);

-- DeleteSyncOutbox deletes the rows up to one.
-- name: DeleteSyncOutbox :exec
DELETE FROM sync_outbox WHERE run_id = sqlc.arg(run_id) AND seq <= sqlc.arg(seq);

-- NoteSyncExportRepair counts a range that is inserted again.
-- name: NoteSyncExportRepair :exec
UPDATE sync_runs SET export_repairs = export_repairs + 1 WHERE id = sqlc.arg(id) AND export_repairs = sqlc.arg(repairs);

-- EndedSyncRun returns a run that has ended and whose outbox the warehouse has, with its sync.
-- name: EndedSyncRun :one
SELECT r.id, r.sync, r.kind, r.status, r.since, r.until, r.pages, r.read, r.delivered, r.rejected, r.skipped, r.announced,
       r.source_count, r.error, r.error_class, r.started_at, r.ended_at, r.export_repairs, s.from_kind, s.from_connection,
       s.list_id, s.to_kind, s.to_connection, c.difference
FROM sync_runs r
JOIN syncs s ON s.name = r.sync
LEFT JOIN sync_counts c ON c.sync = r.sync AND c.run_id = r.id
WHERE r.id = $1 AND r.status <> 'running' AND NOT r.exported AND r.exported_seq = r.change_seq;

-- NoteSyncRunExported records that the warehouse has a run.
-- name: NoteSyncRunExported :exec
UPDATE sync_runs SET exported = true WHERE id = $1;
