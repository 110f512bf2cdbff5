-- +goose Up

-- A sync is an entry of a state file if watch names the watch of the file. Only that runs it: the file has its
-- latest_timestamp and its settings, and the row repeats them. place is the entry's place among those of the
-- same list, from 0.
ALTER TABLE syncs ADD COLUMN watch text NOT NULL DEFAULT '' CHECK (octet_length(watch) <= 4096);
ALTER TABLE syncs ADD COLUMN place integer NOT NULL DEFAULT 0 CHECK (place >= 0);
CREATE INDEX syncs_watch ON syncs (watch) WHERE watch <> '';

-- base is the latest_timestamp of the sync when the run began. unrecorded means that the result of the run has
-- still to be written into the state file.
ALTER TABLE sync_runs ADD COLUMN base timestamptz;
ALTER TABLE sync_runs ADD COLUMN unrecorded boolean NOT NULL DEFAULT false;
CREATE INDEX sync_runs_unrecorded ON sync_runs (sync, id) WHERE unrecorded;
