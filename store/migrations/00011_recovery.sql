-- +goose Up

-- Imports are compared with their workflows, and schedules with those of Temporal: whichever
-- of the two systems has lost something, the other one makes it whole again.
ALTER TABLE imports
    -- Names the import beyond its number, which a database that was restored gives out again.
    ADD COLUMN uid text NOT NULL DEFAULT gen_random_uuid()::text,
    -- When the import was last compared with its workflow.
    ADD COLUMN compared_at timestamptz NOT NULL DEFAULT now(),
    -- How often its workflow was started again since it last ran for a minute, and the
    -- earliest time of the next attempt.
    ADD COLUMN recoveries integer NOT NULL DEFAULT 0,
    ADD COLUMN recover_after timestamptz,
    -- Since when the workflow is ahead of this row, as after a restore of an older backup.
    ADD COLUMN behind_since timestamptz,
    -- Why a task of its workflow fails, '' while none does.
    ADD COLUMN workflow_fault text NOT NULL DEFAULT '',
    -- How the import ends, once it has begun to end other than well: a new run of its
    -- workflow goes on with that.
    ADD COLUMN ending text NOT NULL DEFAULT '' CHECK (ending IN ('', 'failed', 'cancelled', 'declined')),
    ADD COLUMN ending_class text NOT NULL DEFAULT '',
    ADD COLUMN ending_reason text NOT NULL DEFAULT '';

CREATE INDEX imports_uncompared ON imports (compared_at)
    WHERE status IN ('queued', 'running', 'parked', 'pending', 'deleting');
CREATE INDEX imports_faulty ON imports (id) WHERE workflow_fault <> '';

-- Schedules of imports. Temporal runs them; this table is the system of record.
CREATE TABLE schedules (
    name        text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
    -- What is imported and when, as the starter writes it. json keeps the arguments byte by byte.
    definition  json NOT NULL,
    paused      boolean NOT NULL DEFAULT false,
    note        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- When its deletion was requested. The row is deleted once Temporal has deleted the schedule.
    deleted_at  timestamptz,
    -- When the schedule was last compared with Temporal's.
    compared_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX schedules_uncompared ON schedules (compared_at);
