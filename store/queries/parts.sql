-- AddPart adds a part of a plan.
-- name: AddPart :exec
INSERT INTO parts (import_id, no, table_name, label, args, bytes_total, days, free_days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- ListParts returns the parts of an import in order.
-- name: ListParts :many
SELECT * FROM parts WHERE import_id = $1 ORDER BY no;

-- PartsAfter returns the parts of an import behind a number, in order: those of some statuses, or all without any.
-- name: PartsAfter :many
SELECT * FROM parts
WHERE import_id = sqlc.arg(import_id) AND no > sqlc.arg(after_no)
  AND (coalesce(cardinality(sqlc.arg(statuses)::text[]), 0) = 0 OR status = ANY (sqlc.arg(statuses)::text[]))
ORDER BY no LIMIT sqlc.arg(row_limit);

-- PartsByStatus counts the parts of an import by status.
-- name: PartsByStatus :many
SELECT status, count(*) AS parts FROM parts WHERE import_id = $1 GROUP BY status;

-- ClaimPart begins an attempt at a part: it raises the fencing token, which refuses the
-- writes of every earlier attempt, and returns where to continue. A part that is
-- done or skipped is not claimed, nor is one that was given up with its import, failed or
-- waiting with an end: its rows are being purged.
-- name: ClaimPart :one
UPDATE parts
SET fencing_token = fencing_token + 1, status = 'running', error = '', started_at = coalesce(started_at, now()), finished_at = NULL
WHERE import_id = sqlc.arg(import_id) AND no = sqlc.arg(no) AND status NOT IN ('done', 'skipped', 'failed')
  AND NOT (status = 'waiting' AND finished_at IS NOT NULL)
  AND EXISTS (SELECT 1 FROM imports i WHERE i.id = import_id AND i.fencing_token = sqlc.arg(lock_token))
RETURNING *;

-- PendParts notes that parts are not being loaded: their attempts were interrupted, and
-- whichever still continues changes nothing here but to end the part.
-- name: PendParts :exec
UPDATE parts SET status = 'waiting' WHERE import_id = $1 AND status = 'running';

-- PartByNo returns a part.
-- name: PartByNo :one
SELECT * FROM parts WHERE import_id = $1 AND no = $2;

-- AdvancePart adds a chunk's figures to its part, if the fencing token still holds and
-- the chunk is the one that comes next.
-- name: AdvancePart :execrows
UPDATE parts
SET next_chunk = sqlc.arg(chunk_no) + 1, cursor = sqlc.arg(cursor), bytes_read = sqlc.arg(bytes_read),
    rows_read = rows_read + sqlc.arg(rows_read), rows_loaded = rows_loaded + sqlc.arg(rows_loaded),
    rows_rejected = rows_rejected + sqlc.arg(rows_rejected),
    rows_out_of_range = rows_out_of_range + sqlc.arg(rows_out_of_range),
    rows_left_out = rows_left_out + sqlc.arg(rows_left_out),
    first_day = least(first_day, sqlc.narg(first_day)::date), last_day = greatest(last_day, sqlc.narg(last_day)::date)
WHERE import_id = sqlc.arg(import_id) AND no = sqlc.arg(part_no)
  AND parts.fencing_token = sqlc.arg(fencing_token) AND next_chunk = sqlc.arg(chunk_no)
  AND EXISTS (SELECT 1 FROM imports i WHERE i.id = import_id AND i.fencing_token = sqlc.arg(lock_token));

-- FinishPart marks a part as done, with the days that it claims, if the fencing token still
-- holds.
-- name: FinishPart :execrows
UPDATE parts
SET status = 'done', finished_at = now(), bytes_read = bytes_total, claimed_days = sqlc.arg(claimed_days)
WHERE import_id = sqlc.arg(import_id) AND no = sqlc.arg(no) AND parts.fencing_token = sqlc.arg(fencing_token)
  AND EXISTS (SELECT 1 FROM imports i WHERE i.id = import_id AND i.fencing_token = sqlc.arg(lock_token));

-- StopPart notes why a part that is not done has stopped: parked, skipped or
-- failed.
-- name: StopPart :execrows
UPDATE parts SET status = sqlc.arg(status), error = sqlc.arg(reason), finished_at = now(), fencing_token = fencing_token + 1
WHERE import_id = sqlc.arg(import_id) AND no = sqlc.arg(no) AND status NOT IN ('done', 'skipped');

-- StopParts ends the parts of an import that is given up. Parked parts have failed, and
-- keep their own error; so has the one part that was being loaded and that the reason
-- has, by the longest label if several fit. The others did not fail themselves:
-- they stay waiting, and finished_at says that they are given up. A cancellation may name
-- a part, but it has not failed. The fencing tokens of all rise: nothing may be written to such
-- an import, not even the repair of a part that is done.
-- name: StopParts :exec
UPDATE parts p
SET fencing_token = p.fencing_token + 1,
    error = CASE WHEN p.no = culprit.no THEN sqlc.arg(reason)::text ELSE p.error END,
    finished_at = CASE WHEN p.status IN ('waiting', 'running') THEN coalesce(p.finished_at, now()) ELSE p.finished_at END,
    status = CASE WHEN p.no = culprit.no OR p.status = 'parked' THEN 'failed'
                  WHEN p.status = 'running' THEN 'waiting'
                  ELSE p.status END
FROM (SELECT (
    SELECT c.no FROM parts c
    WHERE c.import_id = sqlc.arg(import_id) AND c.status = 'running' AND position(c.label IN sqlc.arg(reason)::text) > 0
      AND NOT starts_with(sqlc.arg(reason)::text, 'cancelled')
    ORDER BY length(c.label) DESC, c.no LIMIT 1) AS no) culprit
WHERE p.import_id = sqlc.arg(import_id);

-- SkipPart takes a part that was loaded in part out of the figures: its rows are
-- purged, so none count as loaded.
-- name: SkipPart :one
UPDATE parts
SET status = 'skipped', finished_at = now(), fencing_token = fencing_token + 1, next_chunk = 0, cursor = '',
    rows_read = 0, rows_loaded = 0, rows_rejected = 0, rows_out_of_range = 0, rows_left_out = 0,
    first_day = NULL, last_day = NULL, claimed_days = '[]'
WHERE import_id = $1 AND no = $2
RETURNING *;

-- ResetParts resets all parts to their beginning and raises their fencing tokens.
-- name: ResetParts :exec
UPDATE parts
SET status = 'waiting', error = '', finished_at = NULL, fencing_token = fencing_token + 1, next_chunk = 0, cursor = '', bytes_read = 0,
    rows_read = 0, rows_loaded = 0, rows_rejected = 0, rows_out_of_range = 0, rows_left_out = 0,
    first_day = NULL, last_day = NULL, claimed_days = '[]'
WHERE import_id = $1;

-- DropImportChunks forgets the chunks of all parts of an import.
-- name: DropImportChunks :exec
DELETE FROM chunks WHERE import_id = $1;

-- AddChunk records a chunk that the warehouse has acknowledged.
-- name: AddChunk :exec
INSERT INTO chunks (import_id, part_no, no, cursor, rows_read, rows_loaded, rows_rejected, rows_out_of_range, rows_left_out,
                    repair)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- ListChunks returns the recorded chunks of a part in order.
-- name: ListChunks :many
SELECT * FROM chunks WHERE import_id = $1 AND part_no = $2 ORDER BY no;

-- RepairChunk counts one more repair of a chunk, if the part's fencing token holds.
-- name: RepairChunk :execrows
UPDATE chunks c SET repair = sqlc.arg(repair)
FROM parts p
WHERE p.import_id = c.import_id AND p.no = c.part_no AND p.fencing_token = sqlc.arg(fencing_token)
  AND c.import_id = sqlc.arg(import_id) AND c.part_no = sqlc.arg(part_no) AND c.no = sqlc.arg(no);

-- DropChunks forgets the chunks of a part.
-- name: DropChunks :exec
DELETE FROM chunks WHERE import_id = $1 AND part_no = $2;

-- ExpectedRows returns how many rows each table must hold for an import: none where
-- all parts were skipped.
-- name: ExpectedRows :many
SELECT table_name, coalesce(sum(rows_loaded) FILTER (WHERE status = 'done'), 0)::bigint AS rows_loaded
FROM parts WHERE import_id = $1 GROUP BY table_name ORDER BY table_name;

-- CountParked returns how many parts of an import are parked.
-- name: CountParked :one
SELECT count(*) FROM parts WHERE import_id = $1 AND status = 'parked';

-- ShowParked shows an import as parked that loads and has a parked part, and as running one
-- that has none.
-- name: ShowParked :exec
UPDATE imports i
SET status = CASE WHEN EXISTS (SELECT 1 FROM parts p WHERE p.import_id = i.id AND p.status = 'parked') THEN 'parked' ELSE 'running' END
WHERE i.id = $1 AND i.status IN ('running', 'parked') AND i.phase = 'loading';
