-- +goose Up

-- Named credentials and settings for an outside system. Of the secrets only the names
-- are in clear.
CREATE TABLE connections (
    name         text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    kind         text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,49}$'),
    settings     jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    -- The names of the secrets, so that they can be listed without the key set.
    secret_names text[] NOT NULL,
    -- The secrets, encrypted; they can be opened under this name and kind only.
    sealed       bytea NOT NULL,
    -- The key of the key set that has sealed them.
    key_id       bigint NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    -- Raised by every change; a change names the version that it replaces.
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
