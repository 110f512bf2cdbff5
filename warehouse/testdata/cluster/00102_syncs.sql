-- +goose Up

-- The runs of list syncs that have ended, one row each.
CREATE TABLE IF NOT EXISTS sync_runs ON CLUSTER 'eu-1' (
    sync            LowCardinality(String),
    run_id          UInt64,
    kind            LowCardinality(String),
    status          LowCardinality(String),
    from_kind       LowCardinality(String),
    from_connection LowCardinality(String),
    list_id         LowCardinality(String),
    to_kind         LowCardinality(String),
    to_connection   LowCardinality(String),
    -- The window; since is null for a full load.
    since           Nullable(DateTime('UTC')),
    until           DateTime('UTC'),
    started_at      DateTime('UTC'),
    ended_at        DateTime('UTC'),
    pages           UInt64,
    read            UInt64,
    delivered       UInt64,
    rejected        UInt64,
    skipped         UInt64,
    announced       UInt64,
    -- The records of the list according to the source, and by how many it differs from the run beyond what is
    -- explained; null if they were not compared.
    source_count    Nullable(UInt64),
    difference      Nullable(UInt64),
    error           String,
    error_class     LowCardinality(String)
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(started_at)
ORDER BY (sync, run_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

-- The records that these runs have delivered or rejected: one row for each record of each page, and for each
-- retry and each deletion. A record that was delivered by two runs, or twice by one, has two rows.
CREATE TABLE IF NOT EXISTS sync_changes ON CLUSTER 'eu-1' (
    sync        LowCardinality(String),
    run_id      UInt64,
    -- The page of the run, 0 for retries and deletions.
    page        UInt64,
    -- The place in the history of the run.
    seq         UInt64,
    idx         UInt32,
    -- The start of the run, by which the table is partitioned, and when the change was recorded.
    started_at  DateTime('UTC') CODEC(Delta(4), LZ4),
    recorded_at DateTime('UTC') CODEC(Delta(4), LZ4),
    -- The ID of the record at its source. It is no address: that of Mailchimp is a hash.
    key         String,
    -- delivered, rejected or deleted.
    outcome     LowCardinality(String),
    -- in, out or forced: what was delivered about the consent to marketing; empty for nothing.
    consent     LowCardinality(String),
    -- The step and the reason of a rejection.
    stage       LowCardinality(String),
    reason      String
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(started_at)
ORDER BY (sync, run_id, seq, idx)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;
