-- +goose Up

-- Live events, their sessions, and counts of what was accepted and dropped. Every
-- row carries the position in the event log (partition, sequence of the message,
-- index in it) of its record, so that the writer can count what has arrived. The
-- index on log_sequence keeps that cheap.

CREATE TABLE IF NOT EXISTS events{{.OnCluster}} (
    timestamp                  DateTime('UTC') CODEC(Delta(4), LZ4),
    name                       LowCardinality(String),
    site_id                    UInt64,
    user_id                    UInt64,
    session_id                 UInt64,
    hostname                   String CODEC(ZSTD(3)),
    pathname                   String CODEC(ZSTD(3)),
    `meta.key`                 Array(String) CODEC(ZSTD(3)),
    `meta.value`               Array(String) CODEC(ZSTD(3)),
    scroll_depth               UInt8,
    engagement_time            UInt32,
    revenue_source_amount      Nullable(Decimal(18, 3)),
    revenue_source_currency    FixedString(3),
    revenue_reporting_amount   Nullable(Decimal(18, 3)),
    revenue_reporting_currency FixedString(3),
    referrer                   String CODEC(ZSTD(3)),
    referrer_source            String CODEC(ZSTD(3)),
    utm_medium                 String CODEC(ZSTD(3)),
    utm_source                 String CODEC(ZSTD(3)),
    utm_campaign               String CODEC(ZSTD(3)),
    utm_content                String CODEC(ZSTD(3)),
    utm_term                   String CODEC(ZSTD(3)),
    click_id_param             LowCardinality(String),
    acquisition_channel        LowCardinality(String),
    country_code               FixedString(2),
    subdivision1_code          LowCardinality(String),
    subdivision2_code          LowCardinality(String),
    city_geoname_id            UInt32,
    screen_size                LowCardinality(String),
    operating_system           LowCardinality(String),
    operating_system_version   LowCardinality(String),
    browser                    LowCardinality(String),
    browser_version            LowCardinality(String),
    log_partition              UInt16,
    log_sequence               UInt64 CODEC(Delta(8), LZ4),
    log_index                  UInt32,
    INDEX by_log_sequence log_sequence TYPE minmax GRANULARITY 1
) ENGINE = {{.MergeTree}}
PARTITION BY toYYYYMM(timestamp)
PRIMARY KEY (site_id, toDate(timestamp), name, user_id)
ORDER BY (site_id, toDate(timestamp), name, user_id, timestamp)
SAMPLE BY user_id
SETTINGS {{.Deduplicate}};

-- The row with the highest version of a session counts. Rows that collapse by their
-- sign could neither be counted nor repaired after a merge.
CREATE TABLE IF NOT EXISTS sessions{{.OnCluster}} (
    session_id               UInt64,
    sign                     Int8 DEFAULT 1,
    version                  UInt64,
    site_id                  UInt64,
    user_id                  UInt64,
    start                    DateTime('UTC') CODEC(Delta(4), LZ4),
    timestamp                DateTime('UTC') CODEC(Delta(4), LZ4),
    hostname                 String CODEC(ZSTD(3)),
    entry_page               String CODEC(ZSTD(3)),
    exit_page                String CODEC(ZSTD(3)),
    exit_page_hostname       String CODEC(ZSTD(3)),
    is_bounce                UInt8,
    pageviews                Int32,
    events                   Int32,
    duration                 UInt32,
    `entry_meta.key`         Array(String) CODEC(ZSTD(3)),
    `entry_meta.value`       Array(String) CODEC(ZSTD(3)),
    referrer                 String CODEC(ZSTD(3)),
    referrer_source          String CODEC(ZSTD(3)),
    utm_medium               String CODEC(ZSTD(3)),
    utm_source               String CODEC(ZSTD(3)),
    utm_campaign             String CODEC(ZSTD(3)),
    utm_content              String CODEC(ZSTD(3)),
    utm_term                 String CODEC(ZSTD(3)),
    click_id_param           LowCardinality(String),
    acquisition_channel      LowCardinality(String),
    country_code             FixedString(2),
    subdivision1_code        LowCardinality(String),
    subdivision2_code        LowCardinality(String),
    city_geoname_id          UInt32,
    screen_size              LowCardinality(String),
    operating_system         LowCardinality(String),
    operating_system_version LowCardinality(String),
    browser                  LowCardinality(String),
    browser_version          LowCardinality(String),
    log_partition            UInt16,
    log_sequence             UInt64 CODEC(Delta(8), LZ4),
    INDEX by_log_sequence log_sequence TYPE minmax GRANULARITY 1
) ENGINE = {{.ReplacingMergeTree}}
PARTITION BY toYYYYMM(start)
PRIMARY KEY (site_id, toDate(start), user_id, session_id)
ORDER BY (site_id, toDate(start), user_id, session_id)
SAMPLE BY user_id
SETTINGS {{.Deduplicate}};

CREATE VIEW IF NOT EXISTS visible_sessions{{.OnCluster}} AS
SELECT * EXCEPT (version, log_partition, log_sequence) FROM sessions FINAL;

-- Not summed up by merges, for the same reason: queries use sum(value).
CREATE TABLE IF NOT EXISTS ingest_counters{{.OnCluster}} (
    event_timebucket       DateTime('UTC') CODEC(Delta(4), LZ4),
    domain                 LowCardinality(String),
    site_id                Nullable(UInt64),
    metric                 LowCardinality(String),
    value                  UInt64,
    tracker_script_version UInt16,
    log_partition          UInt16,
    log_sequence           UInt64 CODEC(Delta(8), LZ4),
    log_index              UInt32,
    INDEX by_log_sequence log_sequence TYPE minmax GRANULARITY 1
) ENGINE = {{.MergeTree}}
PARTITION BY toYYYYMM(event_timebucket)
ORDER BY (domain, toDate(event_timebucket), metric, event_timebucket, tracker_script_version)
SETTINGS {{.Deduplicate}};
