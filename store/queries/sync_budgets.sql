-- AddSyncSlots adds the slots of an account that are missing.
-- name: AddSyncSlots :exec
INSERT INTO sync_slots (account, slot)
SELECT sqlc.arg(account)::text, generate_series(1, sqlc.arg(slots)::integer) ON CONFLICT DO NOTHING;

-- TakeSyncSlot takes a free slot of an account.
-- name: TakeSyncSlot :one
UPDATE sync_slots s
SET holder = sqlc.arg(holder)::text, token = s.token + 1,
    expires_at = now() + make_interval(secs => sqlc.arg(seconds)::float8)
FROM (SELECT f.slot FROM sync_slots f
      WHERE f.account = sqlc.arg(account) AND f.slot <= sqlc.arg(slots)::integer AND f.expires_at <= now()
      ORDER BY f.slot LIMIT 1 FOR UPDATE SKIP LOCKED) free
WHERE s.account = sqlc.arg(account) AND s.slot = free.slot
RETURNING s.slot, s.token;

-- RenewSyncSlots extends the slots of a holder that have not expired.
-- name: RenewSyncSlots :exec
UPDATE sync_slots SET expires_at = now() + make_interval(secs => sqlc.arg(seconds)::float8)
WHERE holder = sqlc.arg(holder)::text AND expires_at > now();

-- ReleaseSyncSlot frees a slot, unless it was taken by another holder meanwhile.
-- name: ReleaseSyncSlot :exec
UPDATE sync_slots SET holder = NULL, expires_at = now()
WHERE account = sqlc.arg(account) AND slot = sqlc.arg(slot) AND token = sqlc.arg(token);

-- ReserveSyncRequests reserves the times of so many requests of an account, and returns the seconds until
-- the first of them.
-- name: ReserveSyncRequests :one
INSERT INTO sync_rates AS r (account, next_at)
VALUES (sqlc.arg(account), clock_timestamp() + make_interval(secs => sqlc.arg(requests)::float8 * sqlc.arg(spacing)::float8))
ON CONFLICT (account) DO UPDATE SET next_at = greatest(r.next_at, clock_timestamp())
    + make_interval(secs => sqlc.arg(requests)::float8 * sqlc.arg(spacing)::float8)
RETURNING greatest(extract(epoch FROM r.next_at - clock_timestamp())::float8
    - sqlc.arg(requests)::float8 * sqlc.arg(spacing)::float8, 0)::float8 AS seconds;

-- DelaySyncRequests delays the next request of an account by at least so many seconds.
-- name: DelaySyncRequests :exec
INSERT INTO sync_rates AS r (account, next_at)
VALUES (sqlc.arg(account), clock_timestamp() + make_interval(secs => sqlc.arg(seconds)::float8))
ON CONFLICT (account) DO UPDATE SET next_at = greatest(r.next_at, excluded.next_at);

-- GetSyncAccountKey returns the key of the hashes that name accounts.
-- name: GetSyncAccountKey :one
SELECT key FROM sync_account_key;
