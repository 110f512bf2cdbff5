-- +goose Up

-- The outbox: what happened to an import, written in the transaction that made it
-- happen. The id is made from the import, its generation and the event, so that an
-- announcement which is repeated stays one.
CREATE TABLE notifications (
    id          text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 100),
    import_id   bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    event       text NOT NULL CHECK (event IN
                ('completed', 'unchanged', 'failed', 'cancelled', 'declined', 'review_wanted', 'review_reminder')),
    -- The import as it was then.
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- When its deliveries were made; until then nobody has looked at it.
    expanded_at timestamptz
);
CREATE INDEX notifications_by_import ON notifications (import_id);
CREATE INDEX notifications_by_time ON notifications (created_at);
CREATE INDEX notifications_unexpanded ON notifications (created_at) WHERE expanded_at IS NULL;

-- One notification on its way to one address or endpoint.
CREATE TABLE deliveries (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id text NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    channel         text NOT NULL CHECK (channel IN ('email', 'webhook')),
    -- An e-mail address, or the name of a connection.
    target          text NOT NULL,
    status          text NOT NULL DEFAULT 'pending'
                    CHECK (status IN ('pending', 'sending', 'delivered', 'skipped', 'given_up')),
    attempts        integer NOT NULL DEFAULT 0,
    -- Raised by every attempt; what an older one has to say is refused.
    fence           bigint NOT NULL DEFAULT 0,
    -- When it is to be sent; while it is being sent, when its sender is taken for dead.
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- Why the last attempt failed, or why there will be none.
    error           text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    UNIQUE (notification_id, channel, target),
    CHECK ((finished_at IS NOT NULL) = (status IN ('delivered', 'skipped', 'given_up')))
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE status IN ('pending', 'sending');
