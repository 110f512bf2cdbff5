-- LockGrants makes everybody who grants or releases locks queue up until the
-- transaction's end: who comes next is one decision.
-- name: LockGrants :exec
SELECT pg_advisory_xact_lock(hashtext('sluice.lock_grants'));

-- AddDependency notes a resource that an import locks.
-- name: AddDependency :exec
INSERT INTO dependencies (import_id, resource, shared) VALUES ($1, $2, $3);

-- ListDependencies returns what an import locks.
-- name: ListDependencies :many
SELECT * FROM dependencies WHERE import_id = $1 ORDER BY resource;

-- RequestLocks puts an import at the end of the queue, unless it stands in it.
-- name: RequestLocks :execrows
INSERT INTO lock_requests (import_id, site_id)
SELECT i.id, i.site_id FROM imports i WHERE i.id = $1
ON CONFLICT (import_id) DO NOTHING;

-- RequestResources notes what a new request is about.
-- name: RequestResources :exec
INSERT INTO lock_resources (resource, import_id, seq, shared)
SELECT d.resource, d.import_id, r.seq, d.shared
FROM dependencies d JOIN lock_requests r ON r.import_id = d.import_id
WHERE d.import_id = $1;

-- LockRequestOf returns an import's request.
-- name: LockRequestOf :one
SELECT * FROM lock_requests WHERE import_id = $1;

-- GrantedCounts returns how many imports hold their locks: in all, and of a site.
-- name: GrantedCounts :one
SELECT count(*) AS total, count(*) FILTER (WHERE site_id = $1) AS of_site
FROM lock_requests WHERE granted_at IS NOT NULL;

-- Grantable returns waiting requests that no earlier request blocks, in
-- order: those about one of the resources, or all if there are none. An earlier
-- request blocks even while it waits itself, so that a stream of shared
-- ones cannot starve an exclusive one.
-- name: Grantable :many
SELECT w.import_id, w.site_id FROM lock_requests w
WHERE w.granted_at IS NULL
  AND (cardinality(sqlc.arg(resources)::text[]) = 0 OR EXISTS (
      SELECT 1 FROM lock_resources m WHERE m.import_id = w.import_id AND m.resource = ANY (sqlc.arg(resources)::text[])))
  AND NOT EXISTS (
      SELECT 1 FROM lock_resources mine
      JOIN lock_resources theirs ON theirs.resource = mine.resource AND theirs.seq < mine.seq
      WHERE mine.import_id = w.import_id AND NOT (mine.shared AND theirs.shared))
ORDER BY w.seq;

-- GrantLocks gives a request what it waits for.
-- name: GrantLocks :one
UPDATE lock_requests SET granted_at = clock_timestamp(), fencing_token = nextval('lock_fencing_tokens')
WHERE import_id = $1 AND granted_at IS NULL
RETURNING *;

-- LogGrant notes a grant in the log.
-- name: LogGrant :exec
INSERT INTO lock_grants (fencing_token, import_id, seq, requested_at, granted_at)
SELECT r.fencing_token, r.import_id, r.seq, r.requested_at, r.granted_at FROM lock_requests r WHERE r.import_id = $1;

-- TakeLocks notes that an import's workflow has learnt of the grant.
-- name: TakeLocks :exec
UPDATE lock_requests SET taken_at = coalesce(taken_at, clock_timestamp()) WHERE import_id = $1;

-- SetFencingToken notes the grant that an import's writes use.
-- name: SetFencingToken :exec
UPDATE imports SET fencing_token = $2 WHERE id = $1;

-- ReleaseLocks takes a request out of the queue, granted or not.
-- name: ReleaseLocks :one
DELETE FROM lock_requests r WHERE r.import_id = $1
RETURNING r.site_id, coalesce(r.fencing_token, 0)::bigint AS fencing_token;

-- LogRelease notes in the log that a grant has ended.
-- name: LogRelease :exec
UPDATE lock_grants SET released_at = clock_timestamp() WHERE fencing_token = $1 AND released_at IS NULL;

-- BlockingRequests returns the requests that an import waits for.
-- name: BlockingRequests :many
SELECT DISTINCT theirs.import_id, theirs.resource, theirs.seq FROM lock_resources mine
JOIN lock_resources theirs ON theirs.resource = mine.resource AND theirs.seq < mine.seq
WHERE mine.import_id = $1 AND NOT (mine.shared AND theirs.shared)
ORDER BY theirs.seq LIMIT 5;

-- UntakenGrants returns grants that a workflow should have learnt of by now.
-- name: UntakenGrants :many
SELECT r.import_id, s.domain FROM lock_requests r JOIN sites s ON s.id = r.site_id
WHERE r.granted_at < sqlc.arg(granted_before) AND r.taken_at IS NULL
ORDER BY r.seq LIMIT 100;

-- ListLocks returns holders and waiters of each resource, in order, after a place in the queue of a resource: those
-- of some sites, or all without domains.
-- name: ListLocks :many
SELECT m.resource, m.seq, m.shared, m.import_id, s.domain, r.requested_at, r.granted_at,
       coalesce(r.fencing_token, 0)::bigint AS fencing_token
FROM lock_resources m
JOIN lock_requests r ON r.import_id = m.import_id
JOIN sites s ON s.id = r.site_id
WHERE (sqlc.narg(resource)::text IS NULL OR m.resource = sqlc.narg(resource))
  AND (sqlc.narg(domains)::text[] IS NULL OR s.domain = ANY (sqlc.narg(domains)::text[]))
  AND (m.resource, m.seq) > (sqlc.arg(after_resource)::text, sqlc.arg(after_seq)::bigint)
ORDER BY m.resource, m.seq LIMIT sqlc.arg(row_limit);
