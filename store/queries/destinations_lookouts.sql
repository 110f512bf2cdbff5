-- KeepLookout says that a load is going to look for jobs again before it ends, and clears
-- away what loads that have died have said.
-- name: KeepLookout :exec
WITH gone AS (
    DELETE FROM destination_lookouts g
    WHERE g.destination = sqlc.arg(destination) AND g.action = sqlc.arg(action) AND g.until < now() - interval '1 minute'
)
INSERT INTO destination_lookouts (id, destination, action, until, looked_at)
VALUES (sqlc.arg(id), sqlc.arg(destination), sqlc.arg(action),
        clock_timestamp() + make_interval(secs => sqlc.arg(seconds)::double precision),
        clock_timestamp() - make_interval(secs => sqlc.arg(looked_seconds_ago)::double precision))
ON CONFLICT (id) DO UPDATE SET until = excluded.until, looked_at = excluded.looked_at;

-- EndLookout takes it back.
-- name: EndLookout :exec
DELETE FROM destination_lookouts WHERE id = $1;

-- EarlierLookout says whether another load of the action that was begun earlier is on the
-- lookout, and has looked not long ago. IDs are in the order of their making.
-- name: EarlierLookout :one
SELECT EXISTS (SELECT 1 FROM destination_lookouts l
               WHERE l.destination = sqlc.arg(destination) AND l.action = sqlc.arg(action) AND l.until > now()
                 AND l.looked_at > now() - make_interval(secs => sqlc.arg(within_seconds)::double precision)
                 AND l.id < sqlc.arg(id));

-- RingLookouts returns those of some actions that loads are on the lookout for, and wakes
-- these loads. The clock is looked at after what it is compared with was committed. The
-- notification has a transaction of its own: in that which adds jobs it would keep others
-- from committing at the same time.
-- name: RingLookouts :many
SELECT a.destination, a.action, pg_notify(sqlc.arg(channel), a.destination || '/' || a.action)::text AS rung FROM (
    SELECT DISTINCT l.destination, l.action FROM destination_lookouts l
    JOIN (SELECT unnest(sqlc.arg(destinations)::text[]) AS destination, unnest(sqlc.arg(actions)::text[]) AS action) w
      ON w.destination = l.destination AND w.action = l.action
    WHERE l.until > clock_timestamp()
) a;
