-- LockSite makes everybody who claims days of a site queue up until the
-- transaction's end.
-- name: LockSite :exec
SELECT id FROM sites WHERE id = $1 FOR UPDATE;

-- Claims returns the days that each other import of the site has brought in, or has
-- claimed, by table. An import that is being deleted keeps them until its rows are hidden.
-- name: Claims :many
SELECT i.id AS import_id, i.status, p.table_name, p.claimed_days
FROM imports i
JOIN parts p ON p.import_id = i.id
WHERE i.site_id = sqlc.arg(site_id) AND i.id <> sqlc.arg(except_id)
  AND (i.status = 'completed'
       OR i.days_claimed AND i.status IN ('queued', 'running', 'parked', 'in_review', 'deleting'))
  AND p.status = 'done' AND p.claimed_days <> '[]'
ORDER BY i.id, p.no;

-- ClaimDays makes the days of an import's parts its own, and notes which days they are.
-- name: ClaimDays :execrows
UPDATE imports SET days_claimed = true, days = sqlc.arg(days)
WHERE id = sqlc.arg(id) AND fencing_token = sqlc.arg(fencing_token) AND status IN ('queued', 'running', 'parked', 'in_review');

-- ReleaseDays gives up the days of an import whose rows are hidden.
-- name: ReleaseDays :exec
UPDATE imports SET days_claimed = false WHERE id = $1 AND status <> 'completed';
