-- ReadConnectionKeyset returns what the store's key set has sealed.
-- name: ReadConnectionKeyset :one
SELECT * FROM connection_keyset;

-- AddConnectionKeyset remembers the store's key set, unless there is one.
-- name: AddConnectionKeyset :exec
INSERT INTO connection_keyset (key_id, sealed) VALUES (sqlc.arg(key_id), sqlc.arg(sealed))
ON CONFLICT DO NOTHING;

-- PutConnectionKeyset remembers another key set, or another key of the same.
-- name: PutConnectionKeyset :exec
INSERT INTO connection_keyset (key_id, sealed) VALUES (sqlc.arg(key_id), sqlc.arg(sealed))
ON CONFLICT (singleton) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, updated_at = now();
