-- +goose Up

-- What follows an import's end (dispatch to flows, on_success) survives the loss of its workflow.
ALTER TABLE imports
    -- When the workflow had done everything that follows the import's end. Until then, a workflow
    -- that is lost is started again.
    ADD COLUMN closed_at timestamptz;
UPDATE imports SET closed_at = coalesce(finished_at, now())
    WHERE status IN ('completed', 'unchanged', 'failed', 'cancelled', 'declined');

DROP INDEX imports_uncompared;
CREATE INDEX imports_uncompared ON imports (compared_at) WHERE closed_at IS NULL OR status = 'deleting';
