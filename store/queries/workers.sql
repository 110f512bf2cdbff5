-- HeartbeatWorker inserts a worker or extends its life, and removes workers that are not live.
-- name: HeartbeatWorker :exec
WITH expired AS (
    DELETE FROM workers w
    WHERE w.id <> sqlc.arg(id) AND w.heartbeat_at <= now() - make_interval(secs => sqlc.arg(live_seconds)::double precision)
)
INSERT INTO workers (id, process, version, offers)
VALUES (sqlc.arg(id), sqlc.arg(process), sqlc.arg(version), sqlc.arg(offers))
ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), offers = excluded.offers;

-- RemoveWorker removes a worker that stops.
-- name: RemoveWorker :exec
DELETE FROM workers WHERE id = $1;

-- ListLiveWorkers returns the live workers, oldest first.
-- name: ListLiveWorkers :many
SELECT * FROM workers
WHERE heartbeat_at > now() - make_interval(secs => sqlc.arg(live_seconds)::double precision)
ORDER BY started_at, id;
