-- +goose Up

-- A warning that several parts give in the same words is one line, which names the parts and
-- adds up the rows that it is about.
ALTER TABLE feedback
    ADD COLUMN parts text[] NOT NULL DEFAULT '{}',
    ADD COLUMN rows bigint NOT NULL DEFAULT 0;

-- An attempt that begins has no error yet: that of the attempt before stands in the line
-- about it.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION note_moved_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transitions (job_id, state_before, state_after, attempt, error)
    SELECT n.id, o.state, n.state, n.attempt, CASE WHEN n.state = 'executing' THEN '{}'::jsonb ELSE n.last_error END
    FROM new_jobs n JOIN old_jobs o ON o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
-- +goose StatementEnd
