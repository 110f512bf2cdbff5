-- SyncRunsOf returns runs by their ids.
-- name: SyncRunsOf :many
SELECT * FROM sync_runs WHERE id = ANY (sqlc.arg(ids)::bigint[]);

-- SyncCountsOf returns the last comparisons of syncs.
-- name: SyncCountsOf :many
SELECT * FROM sync_counts WHERE sync = ANY (sqlc.arg(syncs)::text[]);

-- SyncHeldOf counts the records of syncs that are held as opted out.
-- name: SyncHeldOf :many
SELECT sync, count(*) AS held FROM sync_held WHERE sync = ANY (sqlc.arg(syncs)::text[]) GROUP BY sync;

-- SyncLateErrorsOf returns errors of the later validation of the last 7 days that may be about records of syncs, the
-- latest first, so many of each sync.
-- name: SyncLateErrorsOf :many
SELECT s.sync::text AS sync, l.id, l.since, l.until, l.errors, l.exact, l.reasons, l.run_id, l.first_page, l.last_page,
       l.runs::bigint AS runs
FROM unnest(sqlc.arg(syncs)::text[]) AS s (sync)
CROSS JOIN LATERAL (
    SELECT e.id, e.since, e.until, e.errors, e.exact, e.reasons, p.run_id, p.first_page, p.last_page,
           (SELECT count(*) FROM sync_late_error_pages x WHERE x.error_id = e.id) AS runs
    FROM sync_runs r
    JOIN sync_late_error_pages p ON p.run_id = r.id
    JOIN sync_late_errors e ON e.id = p.error_id
    WHERE r.sync = s.sync AND e.until > now() - interval '7 days'
    ORDER BY e.id DESC, p.run_id DESC LIMIT sqlc.arg(row_limit)::bigint
) l
ORDER BY s.sync, l.id DESC, l.run_id DESC;

-- SyncScansOf returns the figures of the last scans of syncs, without their sets of records.
-- name: SyncScansOf :many
SELECT sync, scanned_at, found, missing_count, deleted, exceeded FROM sync_known
WHERE sync = ANY (sqlc.arg(syncs)::text[]);
