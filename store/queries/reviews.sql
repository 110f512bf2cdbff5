-- OpenReview begins the review of an import, unless it has begun.
-- name: OpenReview :one
INSERT INTO reviews (import_id, generation, expires_at)
SELECT i.id, i.generation, now() + make_interval(secs => i.review_expiry_s) FROM imports i WHERE i.id = $1
ON CONFLICT (import_id, generation) DO UPDATE SET expires_at = reviews.expires_at
RETURNING *;

-- ReviewOf returns the last review of an import.
-- name: ReviewOf :one
SELECT * FROM reviews WHERE import_id = $1 ORDER BY generation DESC LIMIT 1;

-- LockReview returns the last review of an import, and makes deciders queue up.
-- name: LockReview :one
SELECT * FROM reviews WHERE import_id = $1 ORDER BY generation DESC LIMIT 1 FOR UPDATE;

-- DecideReview notes the decision, unless there is one.
-- name: DecideReview :execrows
UPDATE reviews
SET decision = sqlc.arg(decision), decided_by = sqlc.arg(decided_by), reason = sqlc.arg(reason), decided_at = now(), error = ''
WHERE import_id = sqlc.arg(import_id) AND generation = sqlc.arg(generation) AND decision IS NULL;

-- SetReviewError notes why an accepted import could not be finalised.
-- name: SetReviewError :exec
UPDATE reviews SET error = sqlc.arg(error)
WHERE import_id = sqlc.arg(import_id) AND generation = sqlc.arg(generation) AND decision IS NULL;

-- ListReviews returns reviews with their imports, the oldest first: those that wait
-- for a decision, or all; of a site, of some sites, and behind a review.
-- name: ListReviews :many
SELECT sqlc.embed(r), s.domain, i.source, i.label, i.status, i.requested_by, i.require_second_approver
FROM reviews r
JOIN imports i ON i.id = r.import_id
JOIN sites s ON s.id = i.site_id
WHERE (sqlc.arg(all_of_them)::boolean OR i.status = 'in_review' AND r.decision IS NULL)
  AND (sqlc.narg(site_domain)::text IS NULL OR s.domain = sqlc.narg(site_domain))
  AND (sqlc.narg(sites)::text[] IS NULL OR s.domain = ANY (sqlc.narg(sites)::text[]))
  AND (sqlc.narg(after_opened)::timestamptz IS NULL
       OR (r.opened_at, r.import_id) > (sqlc.narg(after_opened)::timestamptz, sqlc.arg(after_import)::bigint))
ORDER BY r.opened_at, r.import_id LIMIT sqlc.arg(row_limit);
