-- +goose Up

-- Lists of imports by status, newest first. Few imports have some statuses, and without an index their list reads all.
CREATE INDEX imports_by_status ON imports (status, id DESC);
