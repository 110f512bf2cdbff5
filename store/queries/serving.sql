-- BeginAnswer reserves a key for a request. It returns no row if the key belongs to another request, or to one that is
-- answered or being answered.
-- name: BeginAnswer :one
INSERT INTO api_answers AS a (principal, key, request, lease, lease_until, expires_at)
VALUES (sqlc.arg(principal), sqlc.arg(key), sqlc.arg(request), sqlc.arg(lease),
        now() + make_interval(secs => sqlc.arg(lease_s)::double precision),
        now() + make_interval(secs => sqlc.arg(keep_s)::double precision))
ON CONFLICT (principal, key) DO UPDATE
SET request = excluded.request, lease = excluded.lease, lease_until = excluded.lease_until, expires_at = excluded.expires_at,
    status = NULL, header = '{}', body = NULL
WHERE a.expires_at < now() OR a.status IS NULL AND a.lease_until < now() AND a.request = excluded.request
RETURNING a.lease;

-- AnswerByKey returns what is known under a key.
-- name: AnswerByKey :one
SELECT request, status, header, body FROM api_answers
WHERE principal = sqlc.arg(principal) AND key = sqlc.arg(key) AND expires_at >= now();

-- KeepAnswer keeps the answer of a request.
-- name: KeepAnswer :execrows
UPDATE api_answers SET status = sqlc.arg(status), header = sqlc.arg(header), body = sqlc.narg(body)
WHERE principal = sqlc.arg(principal) AND key = sqlc.arg(key) AND lease = sqlc.arg(lease) AND status IS NULL;

-- DropAnswer forgets a request that has failed.
-- name: DropAnswer :exec
DELETE FROM api_answers
WHERE principal = sqlc.arg(principal) AND key = sqlc.arg(key) AND lease = sqlc.arg(lease) AND status IS NULL;

-- SweepAnswers deletes answers that have expired.
-- name: SweepAnswers :execrows
DELETE FROM api_answers WHERE (principal, key) IN (
    SELECT a.principal, a.key FROM api_answers a WHERE a.expires_at < now() LIMIT sqlc.arg(row_limit)
    FOR UPDATE SKIP LOCKED);

-- ServingNow returns the time of the store.
-- name: ServingNow :one
SELECT clock_timestamp()::timestamptz AS now;

-- CountUploads returns how many uploads a site has.
-- name: CountUploads :one
SELECT count(*) FROM uploads WHERE site_id = $1 AND expires_at >= now();

-- AddUpload reserves an upload.
-- name: AddUpload :exec
INSERT INTO uploads (id, site_id, name, created_by, expires_at)
VALUES (sqlc.arg(id), sqlc.arg(site_id), sqlc.arg(name), sqlc.arg(created_by),
        now() + make_interval(secs => sqlc.arg(keep_s)::double precision));

-- CompleteUpload records that the bytes of an upload are there.
-- name: CompleteUpload :execrows
UPDATE uploads SET complete = true, bytes = sqlc.arg(bytes), sha256 = sqlc.arg(sha256),
    expires_at = now() + make_interval(secs => sqlc.arg(keep_s)::double precision)
WHERE id = sqlc.arg(id) AND NOT complete;

-- UploadByID returns a complete upload of a site.
-- name: UploadByID :one
SELECT u.* FROM uploads u JOIN sites s ON s.id = u.site_id
WHERE u.id = sqlc.arg(id) AND s.domain = sqlc.arg(domain) AND u.complete AND u.expires_at >= now();

-- ListUploads returns the complete uploads of a site behind a time and an ID, oldest first.
-- name: ListUploads :many
SELECT u.* FROM uploads u JOIN sites s ON s.id = u.site_id
WHERE s.domain = sqlc.arg(domain) AND u.complete AND u.expires_at >= now()
  AND (sqlc.narg(after_created)::timestamptz IS NULL
       OR (u.created_at, u.id) > (sqlc.narg(after_created)::timestamptz, sqlc.arg(after_id)::text))
ORDER BY u.created_at, u.id LIMIT sqlc.arg(row_limit);

-- HoldUpload keeps an upload for a while, so that an import can be started with it.
-- name: HoldUpload :one
UPDATE uploads u SET expires_at = greatest(u.expires_at, now() + make_interval(secs => sqlc.arg(hold_s)::double precision))
FROM sites s
WHERE s.id = u.site_id AND s.domain = sqlc.arg(domain) AND u.id = sqlc.arg(id) AND u.complete AND u.expires_at >= now()
RETURNING u.*;

-- NoteUploadImport records that an import reads an upload.
-- name: NoteUploadImport :exec
INSERT INTO upload_imports (upload_id, import_id) VALUES (sqlc.arg(upload_id), sqlc.arg(import_id)) ON CONFLICT DO NOTHING;

-- DeleteUpload deletes an upload that no import under way reads.
-- name: DeleteUpload :execrows
DELETE FROM uploads u USING sites s
WHERE s.id = u.site_id AND s.domain = sqlc.arg(domain) AND u.id = sqlc.arg(id) AND NOT EXISTS (
    SELECT 1 FROM upload_imports n JOIN imports i ON i.id = n.import_id
    WHERE n.upload_id = u.id AND i.status IN ('queued', 'running', 'parked', 'in_review'));

-- DropUpload deletes an upload that was not completed.
-- name: DropUpload :exec
DELETE FROM uploads WHERE id = $1 AND NOT complete;

-- SweepUploads deletes uploads that have expired and that no import under way reads, and returns their IDs.
-- name: SweepUploads :many
DELETE FROM uploads WHERE id IN (
    SELECT u.id FROM uploads u WHERE u.expires_at < now() AND NOT EXISTS (
        SELECT 1 FROM upload_imports n JOIN imports i ON i.id = n.import_id
        WHERE n.upload_id = u.id AND i.status IN ('queued', 'running', 'parked', 'in_review'))
    ORDER BY u.expires_at LIMIT sqlc.arg(row_limit) FOR UPDATE SKIP LOCKED)
RETURNING id;

-- KnownUploads returns those of some IDs that are uploads.
-- name: KnownUploads :many
SELECT id FROM uploads WHERE id = ANY (sqlc.arg(ids)::text[]);
