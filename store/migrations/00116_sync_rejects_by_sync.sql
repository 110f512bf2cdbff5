-- +goose Up

-- The rejected records of a sync in the order of their list. Without an index each page of it reads those of all syncs.
CREATE INDEX sync_rejects_sync ON sync_rejects (sync, id);
