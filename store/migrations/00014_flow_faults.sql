-- +goose Up

-- Events that a flow has failed for: they are kept, to be replayed once the flow is mended.
CREATE TABLE flow_faults (
    flow     text NOT NULL,
    event_id text NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    -- Why, as it was said last.
    reason   text NOT NULL CHECK (length(reason) <= 1000),
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow, event_id)
);
CREATE INDEX flow_faults_by_event ON flow_faults (event_id);
