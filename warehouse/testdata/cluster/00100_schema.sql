-- +goose Up

-- The schema of the warehouse, by product: importing, ingesting. Package warehouse fills in the braces,
-- so that the same statements serve a single server and a cluster. Every statement can be repeated,
-- because ClickHouse has no lock against concurrent migrations.

--
-- Importing
--

-- The imports that queries see. The row with the highest version counts. One insert shows or hides the
-- rows of an import in all ten tables at once.
CREATE TABLE IF NOT EXISTS import_visibility ON CLUSTER 'eu-1' (
    site_id   UInt64,
    import_id UInt64,
    visible   Bool,
    version   UInt32
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
ORDER BY (site_id, import_id);

-- The ten imported tables. Every row carries its import, part and chunk: the import makes its rows
-- visible or removes them as a whole; part and chunk let the loader count the rows that have arrived.
-- Each table has a view of the visible rows.

CREATE TABLE IF NOT EXISTS imported_visitors ON CLUSTER 'eu-1' (
    site_id        UInt64,
    import_id      UInt64,
    part           UInt32,
    chunk          UInt32,
    date           Date,
    visitors       UInt64,
    pageviews      UInt64,
    bounces        UInt64,
    visits         UInt64,
    visit_duration UInt64
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_visitors ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_visitors
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_sources ON CLUSTER 'eu-1' (
    site_id        UInt64,
    import_id      UInt64,
    part           UInt32,
    chunk          UInt32,
    date           Date,
    source         String,
    channel        LowCardinality(String),
    referrer       String,
    utm_source     String,
    utm_medium     String,
    utm_campaign   String,
    utm_content    String,
    utm_term       String,
    pageviews      UInt64,
    visitors       UInt64,
    visits         UInt64,
    visit_duration UInt64,
    bounces        UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, source)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_sources ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_sources
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_pages ON CLUSTER 'eu-1' (
    site_id                   UInt64,
    import_id                 UInt64,
    part                      UInt32,
    chunk                     UInt32,
    date                      Date,
    hostname                  String,
    page                      String,
    visits                    UInt64,
    visitors                  UInt64,
    pageviews                 UInt64,
    exits                     UInt64,
    total_scroll_depth        UInt64,
    total_scroll_depth_visits UInt64,
    total_time_on_page        UInt64,
    total_time_on_page_visits UInt64
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, hostname, page)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_pages ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_pages
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_entry_pages ON CLUSTER 'eu-1' (
    site_id        UInt64,
    import_id      UInt64,
    part           UInt32,
    chunk          UInt32,
    date           Date,
    entry_page     String,
    visitors       UInt64,
    entrances      UInt64,
    visit_duration UInt64,
    pageviews      UInt64,
    bounces        UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, entry_page)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_entry_pages ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_entry_pages
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_exit_pages ON CLUSTER 'eu-1' (
    site_id        UInt64,
    import_id      UInt64,
    part           UInt32,
    chunk          UInt32,
    date           Date,
    exit_page      String,
    visitors       UInt64,
    exits          UInt64,
    visit_duration UInt64,
    pageviews      UInt64,
    bounces        UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, exit_page)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_exit_pages ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_exit_pages
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_custom_events ON CLUSTER 'eu-1' (
    site_id   UInt64,
    import_id UInt64,
    part      UInt32,
    chunk     UInt32,
    date      Date,
    name      String,
    link_url  String CODEC(ZSTD(3)),
    path      String CODEC(ZSTD(3)),
    visitors  UInt64,
    events    UInt64
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, name)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_custom_events ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_custom_events
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_locations ON CLUSTER 'eu-1' (
    site_id        UInt64,
    import_id      UInt64,
    part           UInt32,
    chunk          UInt32,
    date           Date,
    country        String,
    region         String,
    city           UInt64,
    visitors       UInt64,
    visits         UInt64,
    visit_duration UInt64,
    pageviews      UInt64,
    bounces        UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, country, region, city)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_locations ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_locations
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_devices ON CLUSTER 'eu-1' (
    site_id        UInt64,
    import_id      UInt64,
    part           UInt32,
    chunk          UInt32,
    date           Date,
    device         String,
    visitors       UInt64,
    visits         UInt64,
    visit_duration UInt64,
    pageviews      UInt64,
    bounces        UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, device)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_devices ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_devices
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_browsers ON CLUSTER 'eu-1' (
    site_id         UInt64,
    import_id       UInt64,
    part            UInt32,
    chunk           UInt32,
    date            Date,
    browser         String,
    browser_version String,
    visitors        UInt64,
    visits          UInt64,
    visit_duration  UInt64,
    pageviews       UInt64,
    bounces         UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, browser)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_browsers ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_browsers
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE TABLE IF NOT EXISTS imported_operating_systems ON CLUSTER 'eu-1' (
    site_id                  UInt64,
    import_id                UInt64,
    part                     UInt32,
    chunk                    UInt32,
    date                     Date,
    operating_system         String,
    operating_system_version String,
    visitors                 UInt64,
    visits                   UInt64,
    visit_duration           UInt64,
    pageviews                UInt64,
    bounces                  UInt32
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, date, operating_system)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_imported_operating_systems ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_operating_systems
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

-- Rejected rows and the reasons.
CREATE TABLE IF NOT EXISTS import_rejects ON CLUSTER 'eu-1' (
    site_id   UInt64,
    import_id UInt64,
    part      UInt32,
    chunk     UInt32,
    file      LowCardinality(String),
    line      UInt64,
    column    LowCardinality(String),
    reason    String,
    sample    String
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (site_id, import_id, part, line)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

--
-- Ingesting
--

-- Live events, their sessions, and counts of accepted and dropped events. Every row carries the position
-- of its record in the event log (partition, sequence of the message, index in it), so that the writer
-- can count the rows that have arrived. The index on log_sequence keeps that cheap.

CREATE TABLE IF NOT EXISTS events ON CLUSTER 'eu-1' (
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
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(timestamp)
PRIMARY KEY (site_id, toDate(timestamp), name, user_id)
ORDER BY (site_id, toDate(timestamp), name, user_id, timestamp)
SAMPLE BY user_id
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

-- The row with the highest version of a session counts. Rows that collapse by their sign could neither be
-- counted nor repaired after a merge.
CREATE TABLE IF NOT EXISTS sessions ON CLUSTER 'eu-1' (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(start)
PRIMARY KEY (site_id, toDate(start), user_id, session_id)
ORDER BY (site_id, toDate(start), user_id, session_id)
SAMPLE BY user_id
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE VIEW IF NOT EXISTS visible_sessions ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (version, log_partition, log_sequence) FROM sessions FINAL;

-- Merges do not sum the values, for the same reason: queries use sum(value).
CREATE TABLE IF NOT EXISTS ingest_counters ON CLUSTER 'eu-1' (
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
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(event_timebucket)
ORDER BY (domain, toDate(event_timebucket), metric, event_timebucket, tracker_script_version)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;
