-- +goose Up

-- The ten imported tables. Every row carries the import, part and chunk that
-- brought it in: the first makes an import visible, or gone, as a whole, the other
-- two let the loader count what has arrived. Braces are filled in by package
-- warehouse, so that the same statements serve one server and a cluster.

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

-- Rows that could not be loaded, and why.
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

-- Which imports queries may see. The row with the highest version counts. One
-- insert here flips all ten tables at once.
CREATE TABLE IF NOT EXISTS import_visibility ON CLUSTER 'eu-1' (
    site_id   UInt64,
    import_id UInt64,
    visible   Bool,
    version   UInt32
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
ORDER BY (site_id, import_id);

CREATE VIEW IF NOT EXISTS visible_imported_visitors ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_visitors
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_sources ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_sources
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_pages ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_pages
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_entry_pages ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_entry_pages
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_exit_pages ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_exit_pages
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_custom_events ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_custom_events
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_locations ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_locations
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_devices ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_devices
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_browsers ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_browsers
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);

CREATE VIEW IF NOT EXISTS visible_imported_operating_systems ON CLUSTER 'eu-1' AS
SELECT * EXCEPT (part, chunk) FROM imported_operating_systems
WHERE (site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible);
