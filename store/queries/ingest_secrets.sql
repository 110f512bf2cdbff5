-- AddIngestSecret adds a secret unless there is one with the name or the day.
-- name: AddIngestSecret :execrows
INSERT INTO ingest_secrets (name, day, key_id, sealed)
VALUES (sqlc.arg(name), sqlc.narg(day), sqlc.arg(key_id), sqlc.arg(sealed)) ON CONFLICT DO NOTHING;

-- ListIngestSecrets returns all secrets.
-- name: ListIngestSecrets :many
SELECT * FROM ingest_secrets ORDER BY name;

-- ReplaceIngestSecret replaces a secret that a key has sealed.
-- name: ReplaceIngestSecret :execrows
UPDATE ingest_secrets SET key_id = sqlc.arg(key_id), sealed = sqlc.arg(sealed)
WHERE name = sqlc.arg(name) AND sealed = sqlc.arg(replaced);

-- DeleteOldSalts deletes the salts of the days before the day before today, where today is no later than by the
-- database's clock.
-- name: DeleteOldSalts :execrows
DELETE FROM ingest_secrets WHERE day < LEAST(sqlc.arg(today)::date, (now() AT TIME ZONE 'UTC')::date) - 1;
