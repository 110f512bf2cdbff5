-- +goose Up

-- The flows there are: rules by which events become jobs.
CREATE TABLE flows (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
    spec       jsonb NOT NULL,
    -- Raised by every change, and never given twice: a flow that was removed and comes
    -- back goes on where it was.
    version    bigint NOT NULL CHECK (version > 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT ''
);

-- What each flow has been. A version without a spec is its removal.
CREATE TABLE flow_versions (
    name    text NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    spec    jsonb,
    at      timestamptz NOT NULL DEFAULT now(),
    by      text NOT NULL DEFAULT '',
    PRIMARY KEY (name, version)
);
