-- AddAudit adds an entry.
-- name: AddAudit :one
INSERT INTO audit (who, kind, door, address, request_id, operation, subject_type, subject_id, site, before, after, error)
VALUES (sqlc.arg(who), sqlc.arg(kind), sqlc.arg(door), sqlc.arg(address), sqlc.arg(request_id), sqlc.arg(operation),
    sqlc.arg(subject_type), sqlc.arg(subject_id), sqlc.arg(site), sqlc.narg(before), sqlc.narg(after), sqlc.arg(error))
RETURNING id;

-- HasAudit returns whether the audit has an entry of a request about a subject.
-- name: HasAudit :one
SELECT EXISTS (SELECT FROM audit WHERE subject_type = sqlc.arg(subject_type) AND subject_id = sqlc.arg(subject_id)
    AND operation = sqlc.arg(operation) AND request_id = sqlc.arg(request_id));

-- FailAudit notes why a change has failed.
-- name: FailAudit :exec
UPDATE audit SET error = sqlc.arg(message) WHERE id = sqlc.arg(id);

-- PurgeAudit removes entries that are too old, up to a number, and returns how many.
-- name: PurgeAudit :execrows
DELETE FROM audit WHERE id IN (SELECT a.id FROM audit a
    WHERE a.at < now() - make_interval(secs => sqlc.arg(seconds)::double precision) ORDER BY a.at LIMIT sqlc.arg(entries));
