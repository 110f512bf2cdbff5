-- LoadedChunks returns the chunks of an import that have rows, of the parts that are
-- done, in order, from a part and a chunk on.
-- name: LoadedChunks :many
SELECT c.part_no, c.no, c.rows_loaded, p.table_name
FROM chunks c JOIN parts p ON p.import_id = c.import_id AND p.no = c.part_no
WHERE c.import_id = sqlc.arg(import_id) AND p.status = 'done' AND c.rows_loaded > 0
  AND (c.part_no, c.no) >= (sqlc.arg(part_no)::integer, sqlc.arg(no)::integer)
ORDER BY c.part_no, c.no LIMIT sqlc.arg(row_limit);
