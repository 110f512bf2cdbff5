-- +goose Up

-- The event log that leases and checkpoints belong to. There is at most one: the sequences of another
-- log begin at 1 again, and its events would be taken for events that are written already.
CREATE TABLE ingest_log (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    log_id     text NOT NULL CHECK (length(log_id) BETWEEN 1 AND 200),
    partitions integer NOT NULL CHECK (partitions BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The live processes that write partitions, which share the partitions evenly.
CREATE TABLE ingest_holders (
    holder     text PRIMARY KEY CHECK (length(holder) BETWEEN 1 AND 64),
    joined_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- The lease of each partition of the log. It is free if it has no holder or has expired.
CREATE TABLE ingest_leases (
    partition     integer PRIMARY KEY CHECK (partition BETWEEN 0 AND 255),
    holder        text CHECK (length(holder) BETWEEN 1 AND 64),
    -- Increases with each holder. Statements with a lower one are refused.
    fencing_token bigint NOT NULL DEFAULT 0,
    acquired_at   timestamptz,
    -- By the clock of this database.
    expires_at    timestamptz,
    CHECK ((holder IS NULL) = (expires_at IS NULL) AND (holder IS NULL) = (acquired_at IS NULL))
);

-- The progress of each partition.
CREATE TABLE ingest_checkpoints (
    partition     integer PRIMARY KEY REFERENCES ingest_leases (partition),
    -- The sequence after the last range that is written.
    next_sequence bigint NOT NULL DEFAULT 1 CHECK (next_sequence >= 1),
    -- The range that was decided and is not yet written; null if there is none.
    open_from     bigint,
    open_to       bigint,
    -- The fencing token of the writer that decided the range.
    open_token    bigint,
    -- How many repairs of the range were recorded.
    open_repair   bigint,
    state         text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN open_from IS NULL THEN 'idle' WHEN open_repair = 0 THEN 'decided' ELSE 'repairing' END) STORED,
    -- The open sessions before message snapshot_next, in a compressed format.
    snapshot      bytea CHECK (octet_length(snapshot) <= 134217728),
    snapshot_next bigint NOT NULL DEFAULT 0 CHECK (snapshot_next BETWEEN 0 AND next_sequence),
    -- Totals of all ranges that are written.
    ranges        bigint NOT NULL DEFAULT 0,
    events        bigint NOT NULL DEFAULT 0,
    sessions      bigint NOT NULL DEFAULT 0,
    counters      bigint NOT NULL DEFAULT 0,
    poisoned      bigint NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nulls(open_from, open_to, open_token, open_repair) IN (0, 4)),
    CHECK (open_from = next_sequence AND open_to >= open_from AND open_repair >= 0),
    CHECK ((snapshot IS NULL) = (snapshot_next = 0))
);

-- Snapshots are compressed already.
ALTER TABLE ingest_checkpoints ALTER COLUMN snapshot SET STORAGE EXTERNAL;

-- Records of the log that could not be written. The newest of each partition are kept.
CREATE TABLE ingest_poison (
    partition    integer NOT NULL REFERENCES ingest_leases (partition),
    sequence     bigint NOT NULL,
    -- The record's place in its message; -1 is the whole message.
    record_index integer NOT NULL CHECK (record_index >= -1),
    reason       text NOT NULL CHECK (length(reason) <= 500),
    -- The beginning of the bytes, with letters, digits and what is not ASCII masked.
    sample       bytea NOT NULL CHECK (octet_length(sample) <= 256),
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, sequence, record_index)
);
