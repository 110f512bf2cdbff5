-- +goose Up

-- Columns, statuses and phases take the words of the glossary.
ALTER TABLE imports RENAME COLUMN trouble TO attempt_error;
ALTER TABLE imports RENAME COLUMN four_eyes TO require_second_approver;
ALTER TABLE imports RENAME COLUMN epoch TO fencing_token;
ALTER TABLE lock_requests RENAME COLUMN epoch TO fencing_token;
ALTER TABLE lock_grants RENAME COLUMN epoch TO fencing_token;
ALTER SEQUENCE lock_epochs RENAME TO lock_fencing_tokens;
ALTER TABLE parts RENAME COLUMN fence TO fencing_token;

ALTER TABLE imports DROP CONSTRAINT imports_status_check, DROP CONSTRAINT imports_phase_check;
DROP INDEX imports_active;
UPDATE imports SET status = 'in_review' WHERE status = 'pending';
UPDATE imports SET phase = 'in_review' WHERE phase = 'reviewing';
ALTER TABLE imports
    ADD CONSTRAINT imports_status_check CHECK (status IN
        ('queued', 'running', 'parked', 'in_review', 'completed', 'unchanged', 'failed', 'cancelled', 'declined', 'deleting')),
    ADD CONSTRAINT imports_phase_check CHECK (phase IN
        ('queued', 'before_start', 'locking', 'planning', 'loading', 'in_review', 'staging_done', 'finalize', 'clean_up',
         'on_failure', 'completed', 'unchanged', 'failed', 'cancelled', 'declined'));
CREATE INDEX imports_active ON imports (site_id) WHERE status IN ('queued', 'running', 'parked', 'in_review');

ALTER TABLE parts DROP CONSTRAINT parts_status_check;
UPDATE parts SET status = 'waiting' WHERE status = 'pending';
ALTER TABLE parts
    ALTER COLUMN status SET DEFAULT 'waiting',
    ADD CONSTRAINT parts_status_check CHECK (status IN ('waiting', 'running', 'done', 'parked', 'skipped', 'failed'));
