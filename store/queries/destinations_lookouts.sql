-- KeepLookout says that a load is going to look for jobs again before it ends, and clears
-- away what loads that have died have said.
-- name: KeepLookout :exec
WITH gone AS (
    DELETE FROM destination_lookouts g
    WHERE g.destination = sqlc.arg(destination) AND g.action = sqlc.arg(action) AND g.until < now() - interval '1 minute'
)
INSERT INTO destination_lookouts (id, destination, action, until)
VALUES (sqlc.arg(id), sqlc.arg(destination), sqlc.arg(action),
        clock_timestamp() + make_interval(secs => sqlc.arg(seconds)::double precision))
ON CONFLICT (id) DO UPDATE SET until = excluded.until;

-- EndLookout takes it back.
-- name: EndLookout :exec
DELETE FROM destination_lookouts WHERE id = $1;

-- EarlierLookout says whether another load of the action that was begun earlier is on the
-- lookout. IDs are in the order of their making.
-- name: EarlierLookout :one
SELECT EXISTS (SELECT 1 FROM destination_lookouts l
               WHERE l.destination = sqlc.arg(destination) AND l.action = sqlc.arg(action) AND l.until > now()
                 AND l.id < sqlc.arg(id));

-- LookedOutFor returns those of some actions that a load is on the lookout for. The clock is
-- looked at after what it is compared with was committed.
-- name: LookedOutFor :many
SELECT DISTINCT l.destination, l.action FROM destination_lookouts l
JOIN (SELECT unnest(sqlc.arg(destinations)::text[]) AS destination, unnest(sqlc.arg(actions)::text[]) AS action) w
  ON w.destination = l.destination AND w.action = l.action
WHERE l.until > clock_timestamp();
