-- +goose Up

-- The history of a job is written by triggers on the job itself, so that there is one need
-- not be checked for each line, which costs as much as the line. It goes with the job.
ALTER TABLE transitions DROP CONSTRAINT transitions_job_id_fkey;
-- +goose StatementBegin
CREATE FUNCTION forget_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM transitions t USING old_jobs o WHERE t.job_id = o.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_forget AFTER DELETE ON jobs
REFERENCING OLD TABLE AS old_jobs FOR EACH STATEMENT EXECUTE FUNCTION forget_jobs();
CREATE TRIGGER jobs_not_truncated BEFORE TRUNCATE ON jobs
FOR EACH STATEMENT EXECUTE FUNCTION keep_transitions();

-- Loads that are under way and look for jobs again before they end: whoever adds jobs for
-- an action with a lookout need not tell its workflow. What a crash of the database takes
-- away is said again at once, and missed by nobody: then the workflow is told.
CREATE UNLOGGED TABLE destination_lookouts (
    -- A UUID of version 7: sorted by it, they stand in the order of their beginning.
    id          text PRIMARY KEY,
    destination text NOT NULL,
    action      text NOT NULL,
    -- A load that has died keeps nobody waiting beyond this.
    until       timestamptz NOT NULL,
    -- When it has looked last: one that is stuck in its jobs is no help to others.
    looked_at   timestamptz NOT NULL
);
CREATE INDEX destination_lookouts_by_action ON destination_lookouts (destination, action, until);

-- An index costs every change of a job, of which each job sees three. Those of a
-- destination are found by jobs_by_action or, if they are many, by going through all; the
-- time of making rises with the place in the table; and almost all jobs have succeeded.
DROP INDEX jobs_by_destination;
DROP INDEX jobs_by_time;
CREATE INDEX jobs_by_time ON jobs USING brin (created_at);
DROP INDEX jobs_by_state;
CREATE INDEX jobs_by_state ON jobs (state, id DESC) WHERE state <> 'succeeded';
