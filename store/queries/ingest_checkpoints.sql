-- GetIngestCheckpoint returns the progress of a partition.
-- name: GetIngestCheckpoint :one
SELECT * FROM ingest_checkpoints WHERE partition = $1;

-- OpenIngestRange opens the range that begins at the next sequence, unless one is open.
-- name: OpenIngestRange :execrows
UPDATE ingest_checkpoints
SET open_from = sqlc.arg(first)::bigint, open_to = sqlc.arg(last)::bigint, open_token = sqlc.arg(fencing_token)::bigint,
    open_repair = 0, updated_at = now()
WHERE partition = sqlc.arg(partition) AND open_from IS NULL AND next_sequence = sqlc.arg(first)::bigint;

-- RepairIngestRange records a repair of the open range, whose number is higher than that of the last.
-- name: RepairIngestRange :execrows
UPDATE ingest_checkpoints SET open_repair = sqlc.arg(repair)::bigint, updated_at = now()
WHERE partition = sqlc.arg(partition) AND open_from = sqlc.arg(first)::bigint AND open_to = sqlc.arg(last)::bigint
  AND open_repair < sqlc.arg(repair)::bigint;

-- CloseIngestRange moves the next sequence behind the open range and adds up its results.
-- name: CloseIngestRange :execrows
UPDATE ingest_checkpoints
SET next_sequence = open_to + 1, open_from = NULL, open_to = NULL, open_token = NULL, open_repair = NULL,
    ranges = ranges + 1, events = events + sqlc.arg(events), sessions = sessions + sqlc.arg(sessions),
    counters = counters + sqlc.arg(counters), poisoned = poisoned + sqlc.arg(poisoned), updated_at = now()
WHERE partition = sqlc.arg(partition) AND open_from = sqlc.arg(first)::bigint AND open_to = sqlc.arg(last)::bigint;

-- SaveIngestSnapshot replaces the snapshot by that of the sessions before the next sequence.
-- name: SaveIngestSnapshot :execrows
UPDATE ingest_checkpoints SET snapshot = sqlc.arg(snapshot), snapshot_next = next_sequence, updated_at = now()
WHERE partition = sqlc.arg(partition) AND next_sequence = sqlc.arg(next_sequence);

-- GetIngestNeeded returns the lowest sequence from which a writer of one of the partitions would read, 0 if one of them
-- has no snapshot.
-- name: GetIngestNeeded :one
SELECT COALESCE(min(snapshot_next), 0)::bigint FROM ingest_checkpoints
WHERE partition = ANY(sqlc.arg(partitions)::integer[]);

-- AddIngestPoison records what could not be written of a range.
-- name: AddIngestPoison :exec
INSERT INTO ingest_poison (partition, sequence, record_index, reason, sample)
SELECT sqlc.arg(partition)::integer, unnest(sqlc.arg(sequences)::bigint[]), unnest(sqlc.arg(indexes)::integer[]),
       unnest(sqlc.arg(reasons)::text[]), unnest(sqlc.arg(samples)::bytea[]);

-- TrimIngestPoison removes all but the newest records of a partition.
-- name: TrimIngestPoison :exec
DELETE FROM ingest_poison p
WHERE p.partition = sqlc.arg(partition) AND (p.sequence, p.record_index) IN (
    SELECT o.sequence, o.record_index FROM ingest_poison o WHERE o.partition = sqlc.arg(partition)
    ORDER BY o.sequence DESC, o.record_index DESC OFFSET sqlc.arg(kept)::bigint);

-- ListIngestPoison returns the records that could not be written, newest first.
-- name: ListIngestPoison :many
SELECT * FROM ingest_poison ORDER BY created_at DESC, partition, sequence DESC, record_index DESC LIMIT $1;

-- ListIngestPositions returns where the writers of all partitions are.
-- name: ListIngestPositions :many
SELECT partition, next_sequence, COALESCE(open_to + 1, next_sequence)::bigint AS behind
FROM ingest_checkpoints ORDER BY partition;

-- RestartIngestCheckpoint lets a partition continue with the first sequence of another log, unless its range goes beyond.
-- name: RestartIngestCheckpoint :execrows
UPDATE ingest_checkpoints
SET next_sequence = sqlc.arg(first)::bigint, open_from = NULL, open_to = NULL, open_token = NULL, open_repair = NULL,
    snapshot = sqlc.arg(snapshot), snapshot_next = sqlc.arg(first)::bigint, updated_at = now()
WHERE partition = sqlc.arg(partition) AND COALESCE(open_to + 1, next_sequence) <= sqlc.arg(first)::bigint;

-- SumIngestCheckpoints returns the progress of all partitions. The times mean nothing where the count before them is 0.
-- name: SumIngestCheckpoints :one
SELECT count(*) AS partitions, count(open_from) AS open,
    COALESCE(min(updated_at) FILTER (WHERE open_from IS NOT NULL), now())::timestamptz AS open_since,
    count(*) FILTER (WHERE ranges > 0) AS written,
    COALESCE(max(updated_at) FILTER (WHERE ranges > 0), now())::timestamptz AS written_at,
    COALESCE(sum(poisoned), 0)::bigint AS poisoned
FROM ingest_checkpoints;
