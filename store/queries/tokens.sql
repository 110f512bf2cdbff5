-- LockTokens serialises changes of the list of tokens until the end of the transaction.
-- name: LockTokens :exec
SELECT pg_advisory_xact_lock(hashtext('sluice'), hashtext('tokens'));

-- ExpireTokens revokes a token of a name that has expired, so that the name is free.
-- name: ExpireTokens :exec
UPDATE tokens SET revoked_at = expires_at
WHERE name = sqlc.arg(name) AND role <> 'ingest' AND revoked_at IS NULL AND expires_at <= now();

-- TrimTokens removes tokens, other than keys of sites, that were revoked or expired long ago.
-- name: TrimTokens :exec
DELETE FROM tokens WHERE role <> 'ingest'
AND LEAST(revoked_at, expires_at) < now() - make_interval(days => sqlc.arg(days)::integer);

-- CountTokens returns how many tokens, other than keys of sites, are valid.
-- name: CountTokens :one
SELECT count(*) FROM tokens WHERE role <> 'ingest' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- AddToken adds a token; a taken name violates tokens_name.
-- name: AddToken :one
INSERT INTO tokens (name, prefix, hash, role, site_ids, created_by, expires_at)
VALUES (sqlc.arg(name), sqlc.arg(prefix), sqlc.arg(hash), sqlc.arg(role), sqlc.narg(site_ids), sqlc.arg(created_by),
    sqlc.narg(expires_at))
RETURNING id, created_at;

-- ListTokens returns the tokens other than keys of sites, also revoked ones, by name, the newest first.
-- name: ListTokens :many
SELECT t.id, t.name, t.prefix, t.role, (t.site_ids IS NULL)::boolean AS all_sites,
    ARRAY(SELECT s.domain FROM sites s WHERE s.id = ANY (t.site_ids) ORDER BY s.domain)::text[] AS domains,
    t.created_by, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
FROM tokens t WHERE t.role <> 'ingest'
AND (sqlc.narg(name)::text IS NULL OR t.name = sqlc.narg(name) OR t.prefix = sqlc.narg(name))
ORDER BY t.name, t.id DESC;

-- RevokeToken revokes a token.
-- name: RevokeToken :exec
UPDATE tokens SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1;

-- TokenByHash returns a token, also a revoked or expired one.
-- name: TokenByHash :one
SELECT t.id, t.name, t.prefix, t.role, (t.site_ids IS NULL)::boolean AS all_sites,
    ARRAY(SELECT s.domain FROM sites s WHERE s.id = ANY (t.site_ids) ORDER BY s.domain)::text[] AS domains,
    t.expires_at, t.revoked_at, now()::timestamptz AS now_at
FROM tokens t WHERE t.hash = $1;

-- NoteTokenUse notes that tokens were used, unless that was noted less than a minute ago.
-- name: NoteTokenUse :exec
UPDATE tokens SET last_used_at = now()
WHERE id = ANY(sqlc.arg(ids)::bigint[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');

-- SiteIDsOfDomains returns the sites of domains, and keeps them from being deleted until the end of the transaction.
-- name: SiteIDsOfDomains :many
SELECT id, domain FROM sites WHERE domain = ANY(sqlc.arg(domains)::text[]) ORDER BY id FOR KEY SHARE;
