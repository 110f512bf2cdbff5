-- AddSyncIntent records the set of records that are about to be written, before the checkpoint of their page. Its
-- page is negative.
-- name: AddSyncIntent :exec
INSERT INTO sync_pages (run_id, page, read, delivered, rejected, skipped, ids)
SELECT sqlc.arg(run_id)::bigint, least(coalesce(min(p.page), 0), 0) - 1, 0, 0, 0, 0, sqlc.arg(ids)::bytea
FROM sync_pages p WHERE p.run_id = sqlc.arg(run_id)::bigint;
