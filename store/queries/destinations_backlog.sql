-- ActionBacklog counts the waiting jobs of an action with the function action_backlog.
-- name: ActionBacklog :one
SELECT coalesce(due, 0)::bigint AS due, coalesce(blocked, 0)::bigint AS blocked,
       coalesce(waiting, 0)::bigint AS waiting, next_at
FROM action_backlog(
    for_destination => sqlc.arg(destination), for_action => sqlc.arg(action), concurrency => sqlc.arg(concurrency),
    retries_only => sqlc.arg(retries_only), row_limit => sqlc.arg(row_limit));
