-- AddSite adds a site; a taken domain violates sites_domain_key.
-- name: AddSite :one
INSERT INTO sites (domain, time_zone, native_start, contacts) VALUES ($1, $2, $3, $4) RETURNING *;

-- SiteByDomain returns the site of that domain.
-- name: SiteByDomain :one
SELECT * FROM sites WHERE domain = $1;

-- SiteByID returns the site of that number.
-- name: SiteByID :one
SELECT * FROM sites WHERE id = $1;

-- ListSites returns sites after a domain in order: those of some domains, or all without domains, with a text, in lower
-- case, in their domains.
-- name: ListSites :many
SELECT * FROM sites
WHERE (sqlc.narg(domains)::text[] IS NULL OR domain = ANY (sqlc.narg(domains)::text[])) AND domain > sqlc.arg(after)::text
  AND strpos(domain, sqlc.arg(text)::text) > 0
ORDER BY domain LIMIT sqlc.narg(row_limit)::bigint;
