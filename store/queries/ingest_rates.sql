-- AddIngestRates adds counts of windows, and returns the counts of all servers.
-- name: AddIngestRates :many
INSERT INTO ingest_rates AS r (key, starts_at, ends_at, events)
SELECT * FROM (SELECT unnest(sqlc.arg(keys)::text[]) AS key, unnest(sqlc.arg(starts)::timestamptz[]) AS starts_at,
    unnest(sqlc.arg(ends)::timestamptz[]) AS ends_at, unnest(sqlc.arg(events)::bigint[]) AS events) AS added
-- One order, so that two servers do not wait for each other.
ORDER BY key, starts_at, ends_at
ON CONFLICT (key, starts_at, ends_at) DO UPDATE SET events = r.events + excluded.events
RETURNING key, starts_at, ends_at, events;

-- DeleteOldIngestRates deletes windows that have ended a while ago.
-- name: DeleteOldIngestRates :exec
DELETE FROM ingest_rates WHERE ends_at < now() - interval '1 minute';
