-- +goose Up

-- The errors of the later validation of a target's account, as they were last read: the latest first. They have no
-- IDs and no times, and are those of all programs that use the account.
CREATE TABLE sync_audits (
    account  text PRIMARY KEY CHECK (length(account) BETWEEN 1 AND 200),
    -- Increases with each reading; a reading names the one that it was compared with.
    version  bigint NOT NULL DEFAULT 1,
    read_at  timestamptz NOT NULL,
    errors   jsonb NOT NULL CHECK (jsonb_typeof(errors) = 'array' AND length(errors::text) <= 1048576)
);

-- Errors that appeared between two readings, and the pages that were delivered to the account in that time, or
-- shortly before: one of these has the records.
CREATE TABLE sync_late_errors (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account  text NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    errors   bigint NOT NULL CHECK (errors >= 1),
    -- False if there may have been more errors: the target lists the latest ones only.
    exact    boolean NOT NULL,
    -- Messages and paths, each with its number.
    reasons  jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'array' AND length(reasons::text) <= 65536)
);

CREATE TABLE sync_late_error_pages (
    error_id   bigint NOT NULL REFERENCES sync_late_errors ON DELETE CASCADE,
    run_id     bigint NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    first_page bigint NOT NULL,
    last_page  bigint NOT NULL,
    PRIMARY KEY (error_id, run_id)
);
CREATE INDEX sync_late_error_pages_run ON sync_late_error_pages (run_id);

-- The account that a run writes to, empty if its target validates at once; why its errors could not be read.
ALTER TABLE sync_runs ADD COLUMN account text NOT NULL DEFAULT '' CHECK (length(account) <= 200);
ALTER TABLE sync_runs ADD COLUMN audit_error text NOT NULL DEFAULT '' CHECK (length(audit_error) <= 2000);
CREATE INDEX sync_pages_stored ON sync_pages (stored_at);

-- A run of the kind find searches a page of another run for the records that the target rejected later.
ALTER TABLE sync_runs ADD COLUMN find_run bigint;
ALTER TABLE sync_runs ADD COLUMN find_page bigint;
ALTER TABLE sync_runs DROP CONSTRAINT sync_runs_kind_check;
ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_kind_check CHECK (kind IN ('full', 'update', 'find')
    AND (kind = 'find') = (find_run IS NOT NULL AND find_page IS NOT NULL));

-- A scan has taken over the ids of the page. They stay for a while: a search needs them.
ALTER TABLE sync_pages ADD COLUMN taken_over boolean NOT NULL DEFAULT false;
UPDATE sync_pages SET taken_over = true WHERE ids IS NULL;
