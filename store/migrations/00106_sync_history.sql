-- +goose Up

-- What runs have delivered and rejected, on its way to the warehouse: a row goes when the warehouse has it.
-- changes is a compressed list with a line for each record.
CREATE TABLE sync_outbox (
    run_id      bigint NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    seq         bigint NOT NULL CHECK (seq >= 1),
    -- The page of the run, 0 for retries and deletions.
    page        bigint NOT NULL CHECK (page >= 0),
    changes     bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, seq)
);
ALTER TABLE sync_outbox ALTER COLUMN changes SET STORAGE EXTERNAL;

-- The last row of the outbox that the run has added; the last one that the warehouse has; the last one of the
-- range that is being inserted, which is stored before the insert. export_repairs counts ranges that were
-- inserted again; exported says that the warehouse has the run itself. export_until is the end of the lease of
-- the worker that copies the run, export_token increases with each lease.
ALTER TABLE sync_runs ADD COLUMN change_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN exported_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN exporting_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN export_repairs bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN exported boolean NOT NULL DEFAULT false;
ALTER TABLE sync_runs ADD COLUMN export_until timestamptz;
ALTER TABLE sync_runs ADD COLUMN export_token bigint NOT NULL DEFAULT 0;
CREATE INDEX sync_runs_unexported ON sync_runs (id)
    WHERE exported_seq < change_seq OR (NOT exported AND status <> 'running');
