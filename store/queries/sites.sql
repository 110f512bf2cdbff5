-- AddSite adds a site; a taken domain violates sites_domain_key.
-- name: AddSite :one
INSERT INTO sites (domain, time_zone, native_start, contacts) VALUES ($1, $2, $3, $4) RETURNING *;

-- SiteByDomain returns the site of that domain.
-- name: SiteByDomain :one
SELECT * FROM sites WHERE domain = $1;

-- SiteByID returns the site of that number.
-- name: SiteByID :one
SELECT * FROM sites WHERE id = $1;

-- ListSites returns sites after a domain in order: those of some domains, or all without domains.
-- name: ListSites :many
SELECT * FROM sites
WHERE (sqlc.narg(domains)::text[] IS NULL OR domain = ANY (sqlc.narg(domains)::text[])) AND domain > sqlc.arg(after)::text
ORDER BY domain LIMIT sqlc.narg(row_limit)::bigint;
