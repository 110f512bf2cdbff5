-- CountDue counts the jobs of an action that are due by now and those that will be, each up
-- to a limit: a backlog of millions is not counted for every batch that is taken from it.
-- name: CountDue :one
SELECT (SELECT count(*) FROM (
           SELECT 1 FROM jobs d
           WHERE d.destination = sqlc.arg(destination) AND d.action = sqlc.arg(action) AND d.due_at <= now()
             AND NOT (sqlc.arg(retries_only)::boolean AND d.state = 'acknowledged')
           LIMIT sqlc.arg(most)::integer) due) AS due,
       (SELECT count(*) FROM (
           SELECT 1 FROM jobs l
           WHERE l.destination = sqlc.arg(destination) AND l.action = sqlc.arg(action) AND l.due_at IS NOT NULL
           LIMIT sqlc.arg(most)::integer) waiting) AS waiting;

-- NextRetry returns when the next job of an action is due that is none of those that nobody
-- has touched yet, and when the next lease ends.
-- name: NextRetry :one
SELECT (SELECT d.due_at FROM jobs d
        WHERE d.destination = sqlc.arg(destination) AND d.action = sqlc.arg(action) AND d.due_at IS NOT NULL
          AND d.state IN ('awaiting', 'failed', 'unknown')
        ORDER BY d.due_at LIMIT 1) AS due_at,
       (SELECT e.locked_until FROM jobs e
        WHERE e.destination = sqlc.arg(destination) AND e.action = sqlc.arg(action) AND e.state = 'executing'
        ORDER BY e.locked_until LIMIT 1) AS lease_ends;
