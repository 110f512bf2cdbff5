-- +goose Up

-- The running worker processes, and the components that each of them has. A worker whose heartbeat
-- is too old is not live: the next heartbeat of another one removes it.
CREATE TABLE workers (
    id           text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    -- Process ID and host, as "4711@host".
    process      text NOT NULL CHECK (length(process) <= 300),
    version      text NOT NULL CHECK (length(version) <= 200),
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    -- Names and labels of importers, destinations with their actions, and connection kinds.
    offers       jsonb NOT NULL CHECK (octet_length(offers::text) <= 1048576)
);

-- An unprepared job was created by a process that does not have its destination: data and context are
-- the input of the action's Marshal, not its result. The worker that claims the job prepares it.
ALTER TABLE jobs ADD COLUMN unprepared boolean NOT NULL DEFAULT false;
