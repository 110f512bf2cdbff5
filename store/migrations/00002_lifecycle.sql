-- +goose Up

-- Who is told about a site's imports, besides those named at the start of one.
ALTER TABLE sites ADD COLUMN contacts text[] NOT NULL DEFAULT '{}';

ALTER TABLE imports
    -- Who started it, for the four-eyes rule and for people.
    ADD COLUMN requested_by text NOT NULL DEFAULT '',
    -- E-mail addresses that are told how it went, besides the site's contacts.
    ADD COLUMN notify text[] NOT NULL DEFAULT '{}',
    -- Whether its rows wait for a decision before they become visible.
    ADD COLUMN review boolean NOT NULL DEFAULT false,
    -- Whether the requester must not be the one who accepts it.
    ADD COLUMN four_eyes boolean NOT NULL DEFAULT false,
    -- When a review is reminded of and when it expires, in seconds after its begin.
    ADD COLUMN review_reminder_s bigint NOT NULL DEFAULT 86400 CHECK (review_reminder_s > 0),
    ADD COLUMN review_expiry_s bigint NOT NULL DEFAULT 1209600 CHECK (review_expiry_s > 0),
    ADD COLUMN paused boolean NOT NULL DEFAULT false,
    -- Rows a second that all parts together may load; 0 is as fast as it goes.
    ADD COLUMN rate bigint NOT NULL DEFAULT 0 CHECK (rate >= 0),
    -- Until when the import waits for its source, and why, while it does.
    ADD COLUMN wait_until timestamptz,
    ADD COLUMN wait_reason text NOT NULL DEFAULT '',
    -- Hash of the content that was imported, '' if the importer cannot tell.
    ADD COLUMN fingerprint text NOT NULL DEFAULT '',
    -- The grant of its locks that its writes go by; 0 while it has none.
    ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
    -- Whether its days are its own: no other import may bring them in. Set when it
    -- begins to wait for a decision or to become visible.
    ADD COLUMN days_claimed boolean NOT NULL DEFAULT false,
    -- The schedule that started it, '' if none did.
    ADD COLUMN schedule text NOT NULL DEFAULT '',
    DROP CONSTRAINT imports_status_check,
    ADD CONSTRAINT imports_status_check CHECK (status IN
        ('queued', 'running', 'parked', 'pending', 'completed', 'unchanged', 'failed', 'cancelled', 'declined', 'deleting')),
    DROP CONSTRAINT imports_phase_check,
    ADD CONSTRAINT imports_phase_check CHECK (phase IN
        ('queued', 'locking', 'before_start', 'planning', 'loading', 'reviewing', 'staging_done', 'on_success', 'on_failure',
         'clean_up', 'completed', 'unchanged', 'failed', 'cancelled', 'declined'));

-- Imports of a site are kept apart by locks from now on.
DROP INDEX imports_one_active;
CREATE INDEX imports_active ON imports (site_id) WHERE status IN ('queued', 'running', 'parked', 'pending');
CREATE INDEX imports_by_fingerprint ON imports (site_id, source, fingerprint) WHERE status = 'completed' AND fingerprint <> '';

-- What an import locks. It is fixed when the import is created.
CREATE TABLE dependencies (
    import_id bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    resource  text NOT NULL CHECK (length(resource) BETWEEN 1 AND 200),
    shared    boolean NOT NULL,
    PRIMARY KEY (import_id, resource)
);

-- An import that waits for its locks, or has them: all of them or none. seq is the
-- order in which they came.
CREATE TABLE lock_requests (
    import_id    bigint PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    site_id      bigint NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted_at   timestamptz,
    -- The fencing epoch: rises with every grant, whatever it is of.
    epoch        bigint,
    -- When the import's workflow took note of the grant.
    taken_at     timestamptz,
    CHECK ((granted_at IS NULL) = (epoch IS NULL))
);
CREATE INDEX lock_requests_granted ON lock_requests (granted_at) WHERE granted_at IS NOT NULL;
CREATE SEQUENCE lock_epochs;

-- The resources of lock requests, apart from dependencies so that looking for
-- conflicts reads live requests only.
CREATE TABLE lock_resources (
    resource  text NOT NULL,
    import_id bigint NOT NULL REFERENCES lock_requests (import_id) ON DELETE CASCADE,
    seq       bigint NOT NULL,
    shared    boolean NOT NULL,
    PRIMARY KEY (resource, seq)
);
CREATE INDEX lock_resources_by_import ON lock_resources (import_id);

-- The log of real grants: who had what when.
CREATE TABLE lock_grants (
    epoch        bigint PRIMARY KEY,
    import_id    bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    seq          bigint NOT NULL,
    requested_at timestamptz NOT NULL,
    granted_at   timestamptz NOT NULL,
    released_at  timestamptz
);
CREATE INDEX lock_grants_by_import ON lock_grants (import_id);

-- The review of an import: at most one decision, ever, for each generation.
CREATE TABLE reviews (
    import_id  bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    decision   text CHECK (decision IN ('accepted', 'declined')),
    decided_by text NOT NULL DEFAULT '',
    reason     text NOT NULL DEFAULT '',
    decided_at timestamptz,
    -- Why the last attempt to finalise an accepted import failed.
    error      text NOT NULL DEFAULT '',
    PRIMARY KEY (import_id, generation),
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX reviews_open ON reviews (opened_at) WHERE decision IS NULL;

