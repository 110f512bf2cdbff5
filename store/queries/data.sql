-- SaveCheck notes what before_start has returned.
-- name: SaveCheck :exec
INSERT INTO import_data (import_id, checked) VALUES (sqlc.arg(import_id), sqlc.narg(checked))
ON CONFLICT (import_id) DO UPDATE SET checked = excluded.checked;

-- SaveSummary notes an import's summary.
-- name: SaveSummary :exec
INSERT INTO import_data (import_id, summary) VALUES (sqlc.arg(import_id), sqlc.narg(summary))
ON CONFLICT (import_id) DO UPDATE SET summary = excluded.summary;

-- DataOfImport returns what before_start has returned, and the summary.
-- name: DataOfImport :one
SELECT checked, summary FROM import_data WHERE import_id = $1;

-- SavePartData notes what import_data has returned about a part.
-- name: SavePartData :exec
INSERT INTO part_data (import_id, part_no, data) VALUES ($1, $2, $3)
ON CONFLICT (import_id, part_no) DO UPDATE SET data = excluded.data;

-- DataOfParts returns the done parts of an import in order, with what import_data has
-- returned about each.
-- name: DataOfParts :many
SELECT p.no, p.table_name, p.label, p.rows_read, p.rows_loaded, p.rows_rejected, p.rows_out_of_range, p.rows_left_out, d.data
FROM parts p LEFT JOIN part_data d ON d.import_id = p.import_id AND d.part_no = p.no
WHERE p.import_id = $1 AND p.status = 'done' ORDER BY p.no;
