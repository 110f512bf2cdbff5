-- +goose Up

-- Tokens of services, and the keys of authorised senders, which are tokens of the role ingest.
CREATE TABLE tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What the token is called. A key of a site may have no name.
    name         text NOT NULL CHECK (length(name) <= 100 AND (name <> '' OR role = 'ingest')),
    -- The beginning of the token, by which people recognise it. It is not secret.
    prefix       text NOT NULL UNIQUE CHECK (length(prefix) BETWEEN 1 AND 32),
    -- The SHA-256 hash of the token, which is random and kept nowhere.
    hash         bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'reviewer', 'admin', 'ingest')),
    -- The sites that the token is limited to; null is all.
    site_ids     bigint[] CHECK (cardinality(site_ids) <= 1000 AND array_position(site_ids, NULL) IS NULL),
    created_by   text NOT NULL DEFAULT '' CHECK (length(created_by) <= 200),
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- Null is never.
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- Noted at most once a minute.
    last_used_at timestamptz,
    -- A key of a site is for this site, and has no end.
    CHECK (role <> 'ingest' OR (site_ids IS NOT NULL AND cardinality(site_ids) = 1 AND expires_at IS NULL))
);
CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked_at IS NULL AND role <> 'ingest';
CREATE INDEX tokens_by_site ON tokens USING gin (site_ids);

INSERT INTO tokens (name, prefix, hash, role, site_ids, created_at, revoked_at, last_used_at)
SELECT label, prefix, hash, 'ingest', ARRAY[site_id], created_at, revoked_at, last_used_at FROM ingest_keys ORDER BY id;
DROP TABLE ingest_keys;

-- People. Their names are lower case.
CREATE TABLE accounts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'),
    -- The argon2id hash of the password, with its parameters.
    password      text NOT NULL CHECK (length(password) BETWEEN 1 AND 300),
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'reviewer', 'admin')),
    -- The sites that the account is limited to; null is all.
    site_ids      bigint[] CHECK (cardinality(site_ids) <= 1000 AND array_position(site_ids, NULL) IS NULL),
    created_by    text NOT NULL DEFAULT '' CHECK (length(created_by) <= 200),
    created_at    timestamptz NOT NULL DEFAULT now(),
    password_at   timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz,
    last_login_at timestamptz
);

-- People who are signed in. A row is a session until it is deleted, its last use is too long ago, or it expires.
CREATE TABLE account_sessions (
    -- The SHA-256 hash of the session's ID, which is random and kept nowhere.
    hash         bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    account_id   bigint NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    address      text NOT NULL DEFAULT '' CHECK (length(address) <= 64),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    -- Noted at most once a minute.
    last_used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX account_sessions_by_account ON account_sessions (account_id, created_at);
CREATE INDEX account_sessions_by_end ON account_sessions (expires_at);

-- Attempts to sign in, counted for each account and each address in a window. A crash of PostgreSQL may empty it.
CREATE UNLOGGED TABLE login_attempts (
    -- The SHA-256 hash of the account's name or of the address.
    hash     bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    attempts integer NOT NULL CHECK (attempts >= 0),
    ends_at  timestamptz NOT NULL
);
CREATE INDEX login_attempts_by_end ON login_attempts (ends_at);

-- One-time links that create the first administrator.
CREATE TABLE setup_links (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- Who has changed what. Rows are only added, and deleted by age.
CREATE TABLE audit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    who          text NOT NULL CHECK (length(who) BETWEEN 1 AND 200),
    kind         text NOT NULL CHECK (kind IN ('token', 'account', 'local', 'cli', 'system')),
    door         text NOT NULL CHECK (door IN ('api', 'page', 'cli', 'temporal')),
    -- The address of the client, empty if it has none.
    address      text NOT NULL DEFAULT '' CHECK (length(address) <= 64),
    request_id   text NOT NULL DEFAULT '' CHECK (length(request_id) <= 128),
    -- The noun and the verb, such as import.start.
    operation    text NOT NULL CHECK (operation ~ '^[a-z_]+(\.[a-z_]+)+$' AND length(operation) <= 100),
    subject_type text NOT NULL CHECK (length(subject_type) BETWEEN 1 AND 50),
    subject_id   text NOT NULL DEFAULT '' CHECK (length(subject_id) <= 300),
    -- The domain of the site, empty for what belongs to no site.
    site         text NOT NULL DEFAULT '' CHECK (length(site) <= 253),
    -- What it was and what it became, without secrets.
    before       jsonb CHECK (octet_length(before::text) <= 131072),
    after        jsonb CHECK (octet_length(after::text) <= 131072),
    -- Why the change has failed, or has failed in part.
    error        text NOT NULL DEFAULT '' CHECK (length(error) <= 1000)
);
CREATE INDEX audit_by_site ON audit (site, id) WHERE site <> '';
CREATE INDEX audit_by_who ON audit (who, id);
CREATE INDEX audit_by_operation ON audit (operation, id);
CREATE INDEX audit_by_subject ON audit (subject_type, subject_id, id);
CREATE INDEX audit_by_time ON audit (at);

-- Servers keep tokens and sessions in memory. Each change of one notifies them, those of keys of sites as changes of
-- the site. The last use is no change.
-- +goose StatementBegin
CREATE FUNCTION note_token_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed tokens%ROWTYPE;
    now_at  bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    IF changed.role = 'ingest' THEN
        UPDATE ingest_sites_version SET version = version + 1 RETURNING version INTO now_at;
        PERFORM pg_notify('sluice_sites', now_at || ' ' || changed.site_ids[1]);
    END IF;
    PERFORM pg_notify('sluice_access', 'changed');
    RETURN NULL;
END $$;

CREATE FUNCTION note_access_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sluice_access', 'changed');
    RETURN NULL;
END $$;

-- A site that is deleted leaves the tokens and accounts that are limited to it; its keys go with it.
CREATE FUNCTION forget_site_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tokens WHERE role = 'ingest' AND site_ids @> ARRAY[OLD.id];
    UPDATE tokens SET site_ids = array_remove(site_ids, OLD.id) WHERE site_ids @> ARRAY[OLD.id];
    UPDATE accounts SET site_ids = array_remove(site_ids, OLD.id) WHERE site_ids @> ARRAY[OLD.id];
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER tokens_note_change AFTER INSERT OR UPDATE OF name, role, site_ids, expires_at, revoked_at OR DELETE ON tokens
FOR EACH ROW EXECUTE FUNCTION note_token_change();
CREATE TRIGGER accounts_note_change AFTER UPDATE OF name, role, site_ids, disabled_at OR DELETE ON accounts
FOR EACH ROW EXECUTE FUNCTION note_access_change();
CREATE TRIGGER account_sessions_note_change AFTER DELETE ON account_sessions
FOR EACH STATEMENT EXECUTE FUNCTION note_access_change();
CREATE TRIGGER sites_note_access_change AFTER UPDATE OF domain ON sites
FOR EACH ROW EXECUTE FUNCTION note_access_change();
CREATE TRIGGER sites_forget_access AFTER DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION forget_site_access();
