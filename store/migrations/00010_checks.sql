-- +goose Up

ALTER TABLE imports
    -- When before_start has found that the import can work; null until then.
    ADD COLUMN checked_at timestamptz,
    DROP CONSTRAINT imports_phase_check;
-- on_success follows the end of an import now; the step before it is finalize.
UPDATE imports SET phase = 'finalize' WHERE phase = 'on_success';
-- Imports that were under way have been checked.
UPDATE imports SET checked_at = created_at WHERE status <> 'queued' AND phase <> 'before_start';
ALTER TABLE imports
    ADD CONSTRAINT imports_phase_check CHECK (phase IN
        ('queued', 'before_start', 'locking', 'planning', 'loading', 'reviewing', 'staging_done', 'finalize', 'clean_up',
         'on_failure', 'completed', 'unchanged', 'failed', 'cancelled', 'declined'));

-- What the importer's callbacks have returned about an import, beside its rows. It is
-- apart from imports because lists of imports do not show it.
CREATE TABLE import_data (
    import_id bigint PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    -- What before_start has returned.
    checked   jsonb CHECK (octet_length(checked::text) <= 8192),
    -- The summary for the review.
    summary   jsonb CHECK (octet_length(summary::text) <= 65536)
);
-- What import_data has returned about a part.
CREATE TABLE part_data (
    import_id bigint NOT NULL,
    part_no   integer NOT NULL,
    data      jsonb NOT NULL CHECK (octet_length(data::text) <= 8192),
    PRIMARY KEY (import_id, part_no),
    FOREIGN KEY (import_id, part_no) REFERENCES parts (import_id, no) ON DELETE CASCADE
);
