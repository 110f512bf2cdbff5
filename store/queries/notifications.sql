-- ImportFacts returns what an announcement says about an import.
-- name: ImportFacts :one
SELECT i.id, i.site_id, s.domain, i.source, i.label, i.status, i.generation, i.start_date, i.end_date, i.days,
       i.error, i.error_class, i.requested_by, i.notify, s.contacts, r.expires_at AS review_expires_at,
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

-- SendNotify tells the listeners of a channel something, when the transaction is
-- committed.
-- name: SendNotify :exec
SELECT pg_notify(sqlc.arg(channel)::text, sqlc.arg(payload)::text);

-- WebhookSettings returns the settings of connections of kind webhook, those that there are.
-- name: WebhookSettings :many
SELECT name, settings FROM connections WHERE kind = 'webhook' AND name = ANY (sqlc.arg(names)::text[]);

-- EndsSince returns imports that have ended since a moment, the oldest end first; one of
-- them unless its number is null.
-- name: EndsSince :many
SELECT ('imp_' || i.id || '_' || i.generation || '_' || i.status)::text AS id, i.status AS event, i.id AS import_id,
       i.site_id, i.finished_at::timestamptz AS created_at
FROM imports i
WHERE i.status IN ('completed', 'unchanged', 'failed', 'cancelled', 'declined')
  AND i.finished_at >= sqlc.arg(since)::timestamptz
  AND (sqlc.narg(import_id)::bigint IS NULL OR i.id = sqlc.narg(import_id))
ORDER BY i.finished_at, i.id;

-- NotificationsOf returns those of some jobs that notify of an import. Those about syncs have no log.
-- name: NotificationsOf :many
SELECT j.id, j.destination, j.connection, (e.context->>'import_id')::bigint AS import_id,
       coalesce(e.idempotency_key, '')::text AS notification
FROM jobs j JOIN events e ON e.id = j.event_id
WHERE j.id = ANY (sqlc.arg(ids)::text[]) AND e.source = 'sluice' AND e.context ? 'import_id'
ORDER BY import_id, j.id;

-- ListNotifications returns notifications, newest first, with the numbers of their jobs: those about imports of some
-- sites, or all without domains, also those about syncs.
-- name: ListNotifications :many
SELECT e.id, e.name, e.received_at, i.id AS import_id, s.domain, j.jobs, j.delivered, j.failed
FROM events e
LEFT JOIN imports i ON i.id = (e.context->>'import_id')::bigint
LEFT JOIN sites s ON s.id = i.site_id
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, count(*) FILTER (WHERE k.state = 'succeeded') AS delivered,
           count(*) FILTER (WHERE k.state IN ('discarded', 'cancelled', 'unknown')) AS failed
    FROM jobs k WHERE k.event_id = e.id
) j
WHERE e.source = 'sluice'
  AND (sqlc.narg(domains)::text[] IS NULL OR s.domain = ANY (sqlc.narg(domains)::text[]))
  AND (sqlc.narg(import_id)::bigint IS NULL OR (e.context->>'import_id')::bigint = sqlc.narg(import_id))
  AND (sqlc.arg(before)::text = '' OR e.id < sqlc.arg(before)::text)
ORDER BY e.id DESC LIMIT sqlc.arg(row_limit);
