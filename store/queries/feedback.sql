-- LockImport makes writers to one import queue up until the transaction's end.
-- name: LockImport :one
SELECT id FROM imports WHERE id = $1 FOR UPDATE;

-- AddFeedback appends a line to an import's log unless the occasion has one
-- already. The caller holds the import's lock, or two lines could claim the same
-- number.
-- name: AddFeedback :exec
INSERT INTO feedback (import_id, seq, level, message, occasion)
SELECT $1, coalesce(max(f.seq), 0) + 1, sqlc.arg(level), sqlc.arg(message), sqlc.arg(occasion)
FROM feedback f WHERE f.import_id = $1
ON CONFLICT (import_id, occasion) DO NOTHING;

-- ListFeedback returns the lines of an import's log behind a sequence number.
-- name: ListFeedback :many
SELECT * FROM feedback WHERE import_id = sqlc.arg(import_id) AND seq > sqlc.arg(after_seq) ORDER BY seq LIMIT sqlc.arg(row_limit);

-- LastFeedback returns the number of the last line of an import's log, 0 without one.
-- name: LastFeedback :one
SELECT coalesce(max(seq), 0)::integer FROM feedback WHERE import_id = $1;

-- FeedbackOf returns the line of an occasion.
-- name: FeedbackOf :one
SELECT * FROM feedback WHERE import_id = sqlc.arg(import_id) AND occasion = sqlc.arg(occasion);

-- AddPartFeedback appends a line that names a part. The caller holds the import's lock.
-- name: AddPartFeedback :exec
INSERT INTO feedback (import_id, seq, level, message, occasion, parts, rows)
SELECT sqlc.arg(import_id), coalesce(max(f.seq), 0) + 1, sqlc.arg(level), sqlc.arg(message), sqlc.arg(occasion),
       ARRAY[sqlc.arg(part)::text], sqlc.arg(part_rows)::bigint
FROM feedback f WHERE f.import_id = sqlc.arg(import_id);

-- RepeatFeedback adds a part to a line. The caller holds the import's lock.
-- name: RepeatFeedback :exec
UPDATE feedback
SET message = sqlc.arg(message), parts = parts || sqlc.arg(part)::text, rows = rows + sqlc.arg(part_rows)::bigint
WHERE import_id = sqlc.arg(import_id) AND occasion = sqlc.arg(occasion);
