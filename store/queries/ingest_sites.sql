-- IngestSitesVersion returns the number of changes of sites.
-- name: IngestSitesVersion :one
SELECT version FROM ingest_sites_version;

-- ListIngestSites returns the settings of all sites, or of one.
-- name: ListIngestSites :many
SELECT s.domain, s.time_zone, coalesce(s.native_start, s.first_event) AS native_start, sqlc.embed(i),
    ARRAY(SELECT d.domain FROM site_domains d WHERE d.site_id = s.id AND d.former ORDER BY d.domain)::text[] AS former_domains
FROM sites s JOIN ingest_sites i ON i.site_id = s.id
WHERE sqlc.narg(site_id)::bigint IS NULL OR s.id = sqlc.narg(site_id);

-- IngestSiteOfDomain returns the site that has a domain, or that had it before.
-- name: IngestSiteOfDomain :one
SELECT site_id FROM site_domains WHERE domain = $1;

-- LockIngestSite locks the settings of the site with a domain, and returns its ID.
-- name: LockIngestSite :one
SELECT i.site_id FROM ingest_sites i JOIN sites s ON s.id = i.site_id WHERE s.domain = $1 FOR UPDATE OF i;

-- SaveIngestSite changes the settings of a site.
-- name: SaveIngestSite :exec
UPDATE ingest_sites SET blocked = sqlc.arg(blocked), rate_events = sqlc.narg(rate_events),
    rate_seconds = sqlc.narg(rate_seconds), accept_until = sqlc.narg(accept_until), goals = sqlc.arg(goals),
    props = sqlc.narg(props), allowed_networks = sqlc.arg(allowed_networks), shield_ips = sqlc.arg(shield_ips),
    shield_countries = sqlc.arg(shield_countries), shield_pages = sqlc.arg(shield_pages),
    shield_hostnames = sqlc.arg(shield_hostnames), updated_at = now()
WHERE site_id = sqlc.arg(site_id);

-- AddFormerDomain adds a former domain of a site; a taken one violates site_domains_pkey.
-- name: AddFormerDomain :exec
INSERT INTO site_domains (domain, site_id, former) VALUES (sqlc.arg(domain), sqlc.arg(site_id), true);

-- RemoveFormerDomain removes a former domain of a site.
-- name: RemoveFormerDomain :exec
DELETE FROM site_domains WHERE domain = sqlc.arg(domain) AND site_id = sqlc.arg(site_id) AND former;

-- SetSiteTimeZone changes the time zone of a site without native data.
-- name: SetSiteTimeZone :execrows
UPDATE sites SET time_zone = sqlc.arg(time_zone)
WHERE id = sqlc.arg(site_id) AND coalesce(native_start, first_event) IS NULL;
