-- AddSite adds a site; a taken domain violates sites_domain_key.
-- name: AddSite :one
INSERT INTO sites (domain, time_zone, native_start, contacts) VALUES ($1, $2, $3, $4) RETURNING *;

-- SiteByDomain returns the site of that domain.
-- name: SiteByDomain :one
SELECT * FROM sites WHERE domain = $1;

-- SiteByID returns the site of that number.
-- name: SiteByID :one
SELECT * FROM sites WHERE id = $1;

-- ListSites returns all sites by domain.
-- name: ListSites :many
SELECT * FROM sites ORDER BY domain;
