-- AddIngestLog records the event log, unless there is one.
-- name: AddIngestLog :execrows
INSERT INTO ingest_log (log_id, partitions) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- AddIngestPartitions adds a free lease and an empty checkpoint for each partition.
-- name: AddIngestPartitions :exec
WITH added AS (
    INSERT INTO ingest_leases (partition)
    SELECT generate_series(0, sqlc.arg(partitions)::integer - 1)
    RETURNING partition
)
INSERT INTO ingest_checkpoints (partition) SELECT partition FROM added;

-- ReplaceIngestLog makes another event log that of the store.
-- name: ReplaceIngestLog :execrows
UPDATE ingest_log SET log_id = sqlc.arg(log_id), created_at = now() WHERE log_id = sqlc.arg(known_id);

-- RevokeIngestLeases frees all leases, after the transactions of their fencing tokens, which are refused from then on.
-- name: RevokeIngestLeases :exec
UPDATE ingest_leases l
SET holder = NULL, acquired_at = NULL, expires_at = NULL, fencing_token = l.fencing_token + 1
FROM (SELECT f.partition FROM ingest_leases f ORDER BY f.partition FOR UPDATE) held
WHERE l.partition = held.partition;

-- GetIngestLog returns the event log.
-- name: GetIngestLog :one
SELECT * FROM ingest_log;

-- LockIngestLog makes calls that acquire leases wait for each other until the transaction ends.
-- name: LockIngestLog :one
SELECT partitions FROM ingest_log FOR UPDATE;

-- JoinIngestHolders adds a process to those that share the partitions, or extends its stay.
-- name: JoinIngestHolders :exec
INSERT INTO ingest_holders (holder, expires_at)
VALUES (sqlc.arg(holder), now() + make_interval(secs => sqlc.arg(seconds)::double precision))
ON CONFLICT (holder) DO UPDATE SET expires_at = greatest(ingest_holders.expires_at, excluded.expires_at);

-- LeaveIngestHolders removes a process from those that share the partitions, and processes that have
-- expired.
-- name: LeaveIngestHolders :exec
DELETE FROM ingest_holders WHERE holder = $1 OR expires_at <= now();

-- RemoveExpiredIngestHolders removes processes that have expired.
-- name: RemoveExpiredIngestHolders :exec
DELETE FROM ingest_holders WHERE expires_at <= now();

-- ListIngestHolders returns the processes that share the partitions, in the order in which they joined.
-- name: ListIngestHolders :many
SELECT holder FROM ingest_holders WHERE expires_at > now() ORDER BY joined_at, holder;

-- CountIngestLeases counts the leases that a holder has.
-- name: CountIngestLeases :one
SELECT count(*) FROM ingest_leases WHERE holder = sqlc.arg(holder)::text AND expires_at > now();

-- TakeIngestLeases gives a holder some of the free leases, under new fencing tokens. It skips a lease
-- while a transaction of its last fencing token is in progress.
-- name: TakeIngestLeases :many
UPDATE ingest_leases l
SET holder = sqlc.arg(holder)::text, fencing_token = l.fencing_token + 1, acquired_at = now(),
    expires_at = now() + make_interval(secs => sqlc.arg(seconds)::double precision)
FROM (SELECT f.partition FROM ingest_leases f
      WHERE f.holder IS NULL OR f.expires_at <= now()
      ORDER BY f.partition LIMIT sqlc.arg(most)::bigint
      FOR UPDATE SKIP LOCKED) free
WHERE l.partition = free.partition
RETURNING l.partition, l.fencing_token;

-- RenewIngestLeases extends the leases of a holder that have not expired.
-- name: RenewIngestLeases :many
UPDATE ingest_leases
SET expires_at = greatest(expires_at, now() + make_interval(secs => sqlc.arg(seconds)::double precision))
WHERE holder = sqlc.arg(holder)::text AND expires_at > now()
RETURNING partition, fencing_token;

-- ReleaseIngestLease frees a lease, after the transactions of its fencing token.
-- name: ReleaseIngestLease :execrows
UPDATE ingest_leases l SET holder = NULL, acquired_at = NULL, expires_at = NULL
FROM (SELECT f.partition FROM ingest_leases f
      WHERE f.partition = sqlc.arg(partition) AND f.fencing_token = sqlc.arg(fencing_token) AND f.holder IS NOT NULL
      FOR UPDATE) held
WHERE l.partition = held.partition;

-- LockIngestLease finds the lease of a fencing token, and keeps it from changing hands until the
-- transaction ends. FOR KEY SHARE conflicts with the FOR UPDATE of TakeIngestLeases and ReleaseIngestLease,
-- and not with a renewal.
-- name: LockIngestLease :one
SELECT partition FROM ingest_leases
WHERE partition = sqlc.arg(partition) AND fencing_token = sqlc.arg(fencing_token) AND holder IS NOT NULL
FOR KEY SHARE;
