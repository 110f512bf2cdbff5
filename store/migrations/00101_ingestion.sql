-- +goose Up

-- Each change of a site's domains, settings or keys raises the version by one, in its transaction. It is
-- also in the notification, so that a server knows which changes it has missed.
CREATE TABLE ingest_sites_version (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version   bigint NOT NULL DEFAULT 0
);
INSERT INTO ingest_sites_version DEFAULT VALUES;

-- The domains under which events of a site are taken: its domain and its former domains. A domain belongs to
-- one site.
CREATE TABLE site_domains (
    domain  text PRIMARY KEY CHECK (domain = lower(domain) AND length(domain) BETWEEN 1 AND 253),
    site_id bigint NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    -- False for the domain that sites.domain has too.
    former  boolean NOT NULL
);
CREATE UNIQUE INDEX site_domains_current ON site_domains (site_id) WHERE NOT former;
CREATE INDEX site_domains_by_site ON site_domains (site_id);

-- What the ingestion does with the events of a site. Every site has a row.
CREATE TABLE ingest_sites (
    site_id          bigint PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    -- The site takes no events.
    blocked          boolean NOT NULL DEFAULT false,
    -- At most rate_events events in each window of rate_seconds; null is no limit.
    rate_events      integer CHECK (rate_events >= 1),
    rate_seconds     integer CHECK (rate_seconds BETWEEN 1 AND 86400),
    -- The last day, in UTC, whose events are taken; null is no end.
    accept_until     date,
    -- Names of events that are goals, with the currency in which revenue is reported, "" for none.
    goals            jsonb NOT NULL DEFAULT '{}'
                     CHECK (jsonb_typeof(goals) = 'object' AND octet_length(goals::text) <= 65536),
    -- The custom properties that are stored; null is all.
    props            text[] CHECK (cardinality(props) BETWEEN 1 AND 300 AND array_position(props, NULL) IS NULL
                     AND octet_length(array_to_string(props, '')) <= 90000),
    -- Networks that are neither bots nor data centres.
    allowed_networks cidr[] NOT NULL DEFAULT '{}'
                     CHECK (cardinality(allowed_networks) <= 30 AND array_position(allowed_networks, NULL) IS NULL),
    -- Rules that drop events. Only hostnames are a list of what is allowed.
    shield_ips       cidr[] NOT NULL DEFAULT '{}'
                     CHECK (cardinality(shield_ips) <= 30 AND array_position(shield_ips, NULL) IS NULL),
    shield_countries text[] NOT NULL DEFAULT '{}'
                     CHECK (cardinality(shield_countries) <= 30 AND array_position(shield_countries, NULL) IS NULL
                     AND array_to_string(shield_countries, '') ~ '^([A-Z]{2})*$'),
    shield_pages     text[] NOT NULL DEFAULT '{}'
                     CHECK (cardinality(shield_pages) <= 30 AND array_position(shield_pages, NULL) IS NULL
                     AND octet_length(array_to_string(shield_pages, '')) <= 30 * 250),
    shield_hostnames text[] NOT NULL DEFAULT '{}'
                     CHECK (cardinality(shield_hostnames) <= 10 AND array_position(shield_hostnames, NULL) IS NULL
                     AND octet_length(array_to_string(shield_hostnames, '')) <= 10 * 250),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CHECK ((rate_events IS NULL) = (rate_seconds IS NULL))
);

-- Keys of authorised senders.
CREATE TABLE ingest_keys (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id      bigint NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    -- The beginning of the key, by which people recognise it. It is not secret.
    prefix       text NOT NULL UNIQUE CHECK (length(prefix) BETWEEN 1 AND 32),
    -- The SHA-256 hash of the key, which is random and kept nowhere.
    hash         bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    label        text NOT NULL DEFAULT '' CHECK (length(label) <= 100),
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at   timestamptz,
    -- Noted at most once a minute.
    last_used_at timestamptz
);
CREATE INDEX ingest_keys_by_site ON ingest_keys (site_id, id);

-- +goose StatementBegin
CREATE FUNCTION note_site_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
    now_at  bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD.site_id; ELSE changed := NEW.site_id; END IF;
    UPDATE ingest_sites_version SET version = version + 1 RETURNING version INTO now_at;
    PERFORM pg_notify('sluice_sites', now_at || ' ' || changed);
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER ingest_sites_note_change AFTER INSERT OR UPDATE OR DELETE ON ingest_sites
FOR EACH ROW EXECUTE FUNCTION note_site_change();
CREATE TRIGGER site_domains_note_change AFTER INSERT OR UPDATE OR DELETE ON site_domains
FOR EACH ROW EXECUTE FUNCTION note_site_change();
CREATE TRIGGER ingest_keys_note_change AFTER INSERT OR UPDATE OF revoked_at OR DELETE ON ingest_keys
FOR EACH ROW EXECUTE FUNCTION note_site_change();

-- +goose StatementBegin
CREATE FUNCTION keep_site_domain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO site_domains (domain, site_id, former) VALUES (NEW.domain, NEW.id, false);
        INSERT INTO ingest_sites (site_id) VALUES (NEW.id);
    ELSIF NEW.domain <> OLD.domain THEN
        UPDATE site_domains SET domain = NEW.domain WHERE site_id = NEW.id AND NOT former;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

INSERT INTO site_domains (domain, site_id, former) SELECT domain, id, false FROM sites;
INSERT INTO ingest_sites (site_id) SELECT id FROM sites;
CREATE TRIGGER sites_keep_domain AFTER INSERT OR UPDATE OF domain ON sites
FOR EACH ROW EXECUTE FUNCTION keep_site_domain();

-- The salts of visitors' IDs and the key of partitions, sealed with the key set.
CREATE TABLE ingest_secrets (
    -- partition-key, or salt-YYYY-MM-DD. The secret is bound to it.
    name       text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40),
    -- The day of a salt, in UTC.
    day        date UNIQUE,
    key_id     bigint NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    sealed     bytea NOT NULL CHECK (octet_length(sealed) <= 1024),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((name = 'partition-key') = (day IS NULL))
);

-- The events that all servers have counted against a rate limit in a window. A crash of PostgreSQL may
-- empty it.
CREATE UNLOGGED TABLE ingest_rates (
    key       text NOT NULL CHECK (length(key) BETWEEN 1 AND 300),
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    events    bigint NOT NULL CHECK (events >= 0),
    PRIMARY KEY (key, starts_at, ends_at)
);
CREATE INDEX ingest_rates_by_end ON ingest_rates (ends_at);

-- Replies to requests with an Idempotency-Key. The key itself is not stored.
CREATE TABLE ingest_replies (
    sender        text NOT NULL CHECK (length(sender) BETWEEN 1 AND 100),
    -- The SHA-256 hash of the key.
    key_hash      bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    -- The SHA-256 hash of the request.
    fingerprint   bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The process that answers the request, and until when its claim holds.
    holder        text NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
    claimed_until timestamptz NOT NULL,
    -- The reply, null while the request is in progress.
    status        integer CHECK (status BETWEEN 100 AND 599),
    content_type  text CHECK (length(content_type) <= 200),
    header        jsonb CHECK (octet_length(header::text) <= 65536),
    body          bytea CHECK (octet_length(body) <= 1048576),
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sender, key_hash),
    CHECK (num_nulls(status, content_type, header, body) IN (0, 4))
);
CREATE INDEX ingest_replies_by_age ON ingest_replies (created_at);
