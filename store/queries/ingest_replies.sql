-- ClaimIngestReply claims a key. It changes nothing if the key has a reply, a live claim or another request.
-- name: ClaimIngestReply :execrows
INSERT INTO ingest_replies AS r (sender, key_hash, fingerprint, holder, claimed_until)
VALUES (sqlc.arg(sender), sqlc.arg(key_hash), sqlc.arg(fingerprint), sqlc.arg(holder),
    now() + make_interval(secs => sqlc.arg(seconds)::double precision))
ON CONFLICT (sender, key_hash) DO UPDATE
SET fingerprint = excluded.fingerprint, holder = excluded.holder, claimed_until = excluded.claimed_until,
    status = NULL, content_type = NULL, header = NULL, body = NULL, created_at = now()
WHERE r.created_at < now() - interval '24 hours'
OR (r.status IS NULL AND r.claimed_until < now() AND r.fingerprint = excluded.fingerprint);

-- GetIngestReply returns what is known of a key.
-- name: GetIngestReply :one
SELECT fingerprint, status, content_type, header, body FROM ingest_replies
WHERE sender = sqlc.arg(sender) AND key_hash = sqlc.arg(key_hash);

-- CompleteIngestReply adds the reply to a claimed key.
-- name: CompleteIngestReply :execrows
UPDATE ingest_replies SET status = sqlc.arg(status), content_type = sqlc.arg(content_type), header = sqlc.arg(header),
    body = sqlc.arg(body)
WHERE sender = sqlc.arg(sender) AND key_hash = sqlc.arg(key_hash) AND holder = sqlc.arg(holder) AND status IS NULL;

-- AbandonIngestReply frees a claimed key.
-- name: AbandonIngestReply :exec
DELETE FROM ingest_replies
WHERE sender = sqlc.arg(sender) AND key_hash = sqlc.arg(key_hash) AND holder = sqlc.arg(holder) AND status IS NULL;

-- RenewIngestReplies extends claims of a process that it still has.
-- name: RenewIngestReplies :exec
UPDATE ingest_replies SET claimed_until = now() + make_interval(secs => sqlc.arg(seconds)::double precision)
WHERE holder = sqlc.arg(holder) AND key_hash = ANY(sqlc.arg(key_hashes)::bytea[]) AND status IS NULL;

-- DeleteOldIngestReplies deletes replies after 24 hours.
-- name: DeleteOldIngestReplies :execrows
DELETE FROM ingest_replies WHERE created_at < now() - interval '24 hours' AND (status IS NOT NULL OR claimed_until < now());

-- TrimIngestReplies deletes the oldest replies of senders beyond a number of replies and of bytes.
-- name: TrimIngestReplies :execrows
DELETE FROM ingest_replies d USING (
    SELECT sender, key_hash, row_number() OVER newest AS number,
        sum(octet_length(body) + octet_length(header::text) + 200) OVER newest AS bytes
    FROM ingest_replies WHERE status IS NOT NULL
    WINDOW newest AS (PARTITION BY sender ORDER BY created_at DESC, key_hash)
) AS kept
WHERE d.sender = kept.sender AND d.key_hash = kept.key_hash
AND (kept.number > sqlc.arg(max_replies)::bigint OR kept.bytes > sqlc.arg(max_bytes)::bigint);
