-- ImportFacts returns what an announcement says about an import.
-- name: ImportFacts :one
SELECT i.id, i.site_id, s.domain, i.source, i.label, i.status, i.generation, i.start_date, i.end_date, i.days,
       i.error, i.error_class, i.requested_by, r.expires_at AS review_expires_at,
       t.rows_read, t.rows_loaded, t.rows_rejected, t.rows_out_of_range, t.rows_left_out, t.parts_skipped,
       (SELECT count(*) FROM feedback f WHERE f.import_id = i.id AND f.level = 'warn') AS warnings
FROM imports i
JOIN sites s ON s.id = i.site_id
LEFT JOIN reviews r ON r.import_id = i.id AND r.generation = i.generation AND r.decision IS NULL
CROSS JOIN LATERAL (
    SELECT coalesce(sum(p.rows_read), 0)::bigint AS rows_read,
           coalesce(sum(p.rows_loaded), 0)::bigint AS rows_loaded,
           coalesce(sum(p.rows_rejected), 0)::bigint AS rows_rejected,
           coalesce(sum(p.rows_out_of_range), 0)::bigint AS rows_out_of_range,
           coalesce(sum(p.rows_left_out), 0)::bigint AS rows_left_out,
           count(*) FILTER (WHERE p.status = 'skipped') AS parts_skipped
    FROM parts p WHERE p.import_id = i.id
) t
WHERE i.id = $1;

-- AddNotification puts an announcement into the outbox unless it is there already.
-- name: AddNotification :execrows
INSERT INTO notifications (id, import_id, event, payload) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING;

-- SendNotify tells the listeners of a channel something, when the transaction is
-- committed.
-- name: SendNotify :exec
SELECT pg_notify(sqlc.arg(channel)::text, sqlc.arg(payload)::text);

-- NextUnexpanded takes the oldest notification that has no deliveries yet, with the
-- addresses of its import and site, unless another process has it.
-- name: NextUnexpanded :one
SELECT sqlc.embed(n), i.notify, s.contacts
FROM notifications n
JOIN imports i ON i.id = n.import_id
JOIN sites s ON s.id = i.site_id
WHERE n.expanded_at IS NULL
ORDER BY n.created_at, n.id
LIMIT 1
FOR UPDATE OF n SKIP LOCKED;

-- AddDelivery makes a delivery of a notification unless it is there already.
-- name: AddDelivery :exec
INSERT INTO deliveries (notification_id, channel, target) VALUES ($1, $2, $3)
ON CONFLICT (notification_id, channel, target) DO NOTHING;

-- MarkExpanded notes that a notification's deliveries are made.
-- name: MarkExpanded :exec
UPDATE notifications SET expanded_at = now() WHERE id = $1;

-- ClaimDeliveries takes deliveries that are due, or whose sender is taken for dead.
-- name: ClaimDeliveries :many
UPDATE deliveries d
SET status = 'sending', attempts = d.attempts + 1, fence = d.fence + 1,
    due_at = now() + make_interval(secs => sqlc.arg(lease_seconds)::double precision)
FROM notifications n
WHERE n.id = d.notification_id AND d.id IN (
    SELECT c.id FROM deliveries c
    WHERE c.status IN ('pending', 'sending') AND c.due_at <= now()
    ORDER BY c.due_at, c.id
    LIMIT sqlc.arg(row_limit)
    FOR UPDATE SKIP LOCKED
)
RETURNING sqlc.embed(d), n.import_id, n.payload;

-- FinishDelivery ends a delivery in the name of an attempt.
-- name: FinishDelivery :execrows
UPDATE deliveries SET status = sqlc.arg(status), error = sqlc.arg(reason), finished_at = now()
WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence) AND status = 'sending';

-- PostponeDelivery lets a delivery wait for another attempt.
-- name: PostponeDelivery :execrows
UPDATE deliveries
SET status = 'pending', error = sqlc.arg(reason),
    due_at = now() + make_interval(secs => sqlc.arg(wait_seconds)::double precision)
WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence) AND status = 'sending';

-- ReturnDelivery gives a delivery back without an attempt having been made of it.
-- name: ReturnDelivery :execrows
UPDATE deliveries SET status = 'pending', attempts = attempts - 1, due_at = now()
WHERE id = $1 AND fence = $2 AND status = 'sending';

-- RetryDeliveries makes the deliveries of a notification that were given up, or that
-- wait, due at once, with all their attempts before them.
-- name: RetryDeliveries :execrows
UPDATE deliveries SET status = 'pending', attempts = 0, due_at = now(), finished_at = NULL
WHERE notification_id = $1 AND status IN ('pending', 'given_up');

-- NotificationByID returns a notification with the site of its import.
-- name: NotificationByID :one
SELECT sqlc.embed(n), s.domain
FROM notifications n JOIN imports i ON i.id = n.import_id JOIN sites s ON s.id = i.site_id
WHERE n.id = $1;

-- DeliveriesOf returns the deliveries of a notification.
-- name: DeliveriesOf :many
SELECT * FROM deliveries WHERE notification_id = $1 ORDER BY channel, target;

-- ListNotifications returns notifications, newest first, with their deliveries: one
-- row for each, and a single one where there are none.
-- name: ListNotifications :many
SELECT n.id, n.import_id, s.domain, n.event, n.created_at, n.expanded_at,
       d.channel, d.target, d.status, d.attempts, d.due_at, d.finished_at, d.error
FROM notifications n
JOIN imports i ON i.id = n.import_id
JOIN sites s ON s.id = i.site_id
LEFT JOIN deliveries d ON d.notification_id = n.id
WHERE (sqlc.narg(import_id)::bigint IS NULL OR n.import_id = sqlc.narg(import_id))
  AND (sqlc.narg(status)::text IS NULL OR d.status = sqlc.narg(status))
ORDER BY n.created_at DESC, n.id DESC, d.channel, d.target
LIMIT sqlc.arg(row_limit);

-- EndsSince returns the ends of imports that were announced since a moment, oldest
-- first; of one import unless its number is null.
-- name: EndsSince :many
SELECT n.id, n.event, n.import_id, i.site_id, n.created_at
FROM notifications n JOIN imports i ON i.id = n.import_id
WHERE n.event IN ('completed', 'unchanged', 'failed', 'cancelled', 'declined')
  AND n.created_at >= sqlc.arg(since)
  AND (sqlc.narg(import_id)::bigint IS NULL OR n.import_id = sqlc.narg(import_id))
ORDER BY n.created_at, n.id;

-- DisableEndpoint notes that a webhook is to get no more notifications, unless that is noted.
-- name: DisableEndpoint :execrows
INSERT INTO disabled_endpoints (connection, reason) VALUES ($1, $2) ON CONFLICT (connection) DO NOTHING;

-- EndpointDisabled returns since when a webhook gets no more notifications, and why.
-- name: EndpointDisabled :one
SELECT * FROM disabled_endpoints WHERE connection = $1;

-- EnableEndpoint lets a webhook have notifications again.
-- name: EnableEndpoint :execrows
DELETE FROM disabled_endpoints WHERE connection = $1;
