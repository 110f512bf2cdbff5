-- +goose Up

-- An event's kind is its name.
ALTER TABLE events RENAME COLUMN trigger TO name;
