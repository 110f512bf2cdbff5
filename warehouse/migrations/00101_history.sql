-- +goose Up

-- The site's local day of each event and each session. The writer sets it; rows of an
-- earlier version have the day in UTC.
ALTER TABLE events{{.OnCluster}} ADD COLUMN IF NOT EXISTS day Date DEFAULT toDate(timestamp) AFTER timestamp;
ALTER TABLE events{{.OnCluster}} ADD INDEX IF NOT EXISTS by_day day TYPE minmax GRANULARITY 1;
ALTER TABLE sessions{{.OnCluster}} ADD COLUMN IF NOT EXISTS day Date DEFAULT toDate(start) AFTER start;
ALTER TABLE sessions{{.OnCluster}} ADD INDEX IF NOT EXISTS by_day day TYPE minmax GRANULARITY 1;

CREATE OR REPLACE VIEW visible_sessions{{.OnCluster}} AS
SELECT * EXCEPT (version, log_partition, log_sequence) FROM sessions FINAL;

-- The sites, as PostgreSQL has them. The row with the highest version counts.
CREATE TABLE IF NOT EXISTS sites{{.OnCluster}} (
    site_id      UInt64,
    domain       String,
    -- The first day that native data serve; imported rows serve the days before it.
    native_start Nullable(Date),
    version      UInt64
) ENGINE = {{.ReplacingMergeTree}}
ORDER BY site_id;

-- One view for each imported table: a row is a day of a site and one value of the
-- dimensions. Its origin is native from the site's first native day on, and imported
-- before it. Conditions on site_id and day reach the sort keys of the tables.

CREATE VIEW IF NOT EXISTS history_visitors{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.visitors AS visitors, h.pageviews AS pageviews,
       h.visits AS visits, h.bounces AS bounces, h.visit_duration AS visit_duration, h.origin AS origin
FROM (
    -- People and pageviews count on the day of the event, visits on the day of their start.
    SELECT site_id, day, sum(people) AS visitors, sum(viewed) AS pageviews, sum(visited) AS visits,
           sum(bounced) AS bounces, sum(seconds) AS visit_duration, 'native' AS origin
    FROM (
        SELECT site_id, day, uniqExactIf(user_id, name != 'engagement') AS people,
               countIf(name = 'pageview') AS viewed, toUInt64(0) AS visited, toUInt64(0) AS bounced,
               toUInt64(0) AS seconds
        FROM events GROUP BY site_id, day
        UNION ALL
        SELECT site_id, day, toUInt64(0), toUInt64(0), count(), sum(is_bounce), sum(duration)
        FROM visible_sessions GROUP BY site_id, day
    )
    GROUP BY site_id, day
    UNION ALL
    SELECT site_id, date, sum(visitors), sum(pageviews), sum(visits), sum(bounces), sum(visit_duration), 'imported'
    FROM visible_imported_visitors
    GROUP BY site_id, date
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_sources{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.source AS source, h.channel AS channel,
       h.referrer AS referrer, h.utm_source AS utm_source, h.utm_medium AS utm_medium,
       h.utm_campaign AS utm_campaign, h.utm_content AS utm_content, h.utm_term AS utm_term, h.visitors AS visitors,
       h.visits AS visits, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.referrer_source AS source, v.acquisition_channel AS channel,
           v.referrer AS referrer, v.utm_source AS utm_source, v.utm_medium AS utm_medium,
           v.utm_campaign AS utm_campaign, v.utm_content AS utm_content, v.utm_term AS utm_term,
           uniqExact(v.user_id) AS visitors, count() AS visits, sum(v.duration) AS visit_duration,
           toUInt64(sum(v.pageviews)) AS pageviews, sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v
    GROUP BY site_id, day, source, channel, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term
    UNION ALL
    SELECT site_id, date, source, channel, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term,
           sum(visitors), sum(visits), sum(visit_duration), sum(pageviews), sum(bounces), 'imported'
    FROM visible_imported_sources
    GROUP BY site_id, date, source, channel, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_pages{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.hostname AS hostname, h.page AS page,
       h.visitors AS visitors, h.visits AS visits, h.pageviews AS pageviews, h.exits AS exits,
       h.total_scroll_depth AS total_scroll_depth, h.total_scroll_depth_visits AS total_scroll_depth_visits,
       h.total_time_on_page AS total_time_on_page, h.total_time_on_page_visits AS total_time_on_page_visits,
       h.origin AS origin
FROM (
    -- Scroll depth is the deepest of a visit, in percent; 255 is none. Time is in seconds.
    SELECT site_id, day, hostname, page, uniqExactIf(user, viewed > 0) AS visitors, countIf(viewed > 0) AS visits,
           sum(viewed) AS pageviews, sum(exited) AS exits, sum(depth) AS total_scroll_depth,
           sum(scrolled) AS total_scroll_depth_visits, intDiv(sum(engaged), 1000) AS total_time_on_page,
           countIf(engaged > 0) AS total_time_on_page_visits, 'native' AS origin
    FROM (
        SELECT site_id, day, hostname, pathname AS page, any(user_id) AS user, countIf(name = 'pageview') AS viewed,
               toUInt64(0) AS exited, toUInt64(maxIf(scroll_depth, scroll_depth <= 100)) AS depth,
               toUInt64(countIf(scroll_depth <= 100) > 0) AS scrolled, toUInt64(sum(engagement_time)) AS engaged
        FROM events WHERE name IN ('pageview', 'engagement')
        GROUP BY site_id, day, hostname, page, session_id
        UNION ALL
        SELECT site_id, day, exit_page_hostname, exit_page, toUInt64(0), toUInt64(0), count(), toUInt64(0),
               toUInt64(0), toUInt64(0)
        FROM visible_sessions WHERE exit_page != ''
        GROUP BY site_id, day, exit_page_hostname, exit_page
    )
    GROUP BY site_id, day, hostname, page
    UNION ALL
    SELECT site_id, date, hostname, page, sum(visitors), sum(visits), sum(pageviews), sum(exits),
           sum(total_scroll_depth), sum(total_scroll_depth_visits), sum(total_time_on_page),
           sum(total_time_on_page_visits), 'imported'
    FROM visible_imported_pages
    GROUP BY site_id, date, hostname, page
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_entry_pages{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.entry_page AS entry_page, h.visitors AS visitors,
       h.entrances AS entrances, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.entry_page AS entry_page, uniqExact(v.user_id) AS visitors,
           count() AS entrances, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v WHERE v.entry_page != ''
    GROUP BY site_id, day, entry_page
    UNION ALL
    SELECT site_id, date, entry_page, sum(visitors), sum(entrances), sum(visit_duration), sum(pageviews),
           sum(bounces), 'imported'
    FROM visible_imported_entry_pages
    GROUP BY site_id, date, entry_page
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_exit_pages{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.exit_page AS exit_page, h.visitors AS visitors,
       h.exits AS exits, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.exit_page AS exit_page, uniqExact(v.user_id) AS visitors,
           count() AS exits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v WHERE v.exit_page != ''
    GROUP BY site_id, day, exit_page
    UNION ALL
    SELECT site_id, date, exit_page, sum(visitors), sum(exits), sum(visit_duration), sum(pageviews), sum(bounces),
           'imported'
    FROM visible_imported_exit_pages
    GROUP BY site_id, date, exit_page
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_custom_events{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.name AS name, h.link_url AS link_url,
       h.path AS path, h.visitors AS visitors, h.events AS events, h.origin AS origin
FROM (
    -- Two properties of some events are columns of imported ones.
    SELECT e.site_id AS site_id, e.day AS day, e.name AS name,
           if(e.name IN ('Outbound Link: Click', 'Cloaked Link: Click', 'File Download'),
              e.`meta.value`[indexOf(e.`meta.key`, 'url')], '') AS link_url,
           if(e.name IN ('404', 'WP Form Completions', 'Form: Submission'),
              e.`meta.value`[indexOf(e.`meta.key`, 'path')], '') AS path,
           uniqExact(e.user_id) AS visitors, count() AS events, 'native' AS origin
    FROM events AS e WHERE e.name NOT IN ('pageview', 'engagement')
    GROUP BY site_id, day, name, link_url, path
    UNION ALL
    SELECT site_id, date, name, link_url, path, sum(visitors), sum(events), 'imported'
    FROM visible_imported_custom_events
    GROUP BY site_id, date, name, link_url, path
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_locations{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.country AS country, h.region AS region,
       h.city AS city, h.visitors AS visitors, h.visits AS visits, h.visit_duration AS visit_duration,
       h.pageviews AS pageviews, h.bounces AS bounces, h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, toStringCutToZero(v.country_code) AS country,
           v.subdivision1_code AS region, toUInt64(v.city_geoname_id) AS city, uniqExact(v.user_id) AS visitors,
           count() AS visits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v
    GROUP BY site_id, day, country, region, city
    UNION ALL
    SELECT site_id, date, country, region, city, sum(visitors), sum(visits), sum(visit_duration), sum(pageviews),
           sum(bounces), 'imported'
    FROM visible_imported_locations
    GROUP BY site_id, date, country, region, city
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_devices{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.device AS device, h.visitors AS visitors,
       h.visits AS visits, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.screen_size AS device, uniqExact(v.user_id) AS visitors,
           count() AS visits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v
    GROUP BY site_id, day, device
    UNION ALL
    SELECT site_id, date, device, sum(visitors), sum(visits), sum(visit_duration), sum(pageviews), sum(bounces),
           'imported'
    FROM visible_imported_devices
    GROUP BY site_id, date, device
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_browsers{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.browser AS browser,
       h.browser_version AS browser_version, h.visitors AS visitors, h.visits AS visits,
       h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces, h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.browser AS browser, v.browser_version AS browser_version,
           uniqExact(v.user_id) AS visitors, count() AS visits, sum(v.duration) AS visit_duration,
           toUInt64(sum(v.pageviews)) AS pageviews, sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v
    GROUP BY site_id, day, browser, browser_version
    UNION ALL
    SELECT site_id, date, browser, browser_version, sum(visitors), sum(visits), sum(visit_duration), sum(pageviews),
           sum(bounces), 'imported'
    FROM visible_imported_browsers
    GROUP BY site_id, date, browser, browser_version
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);

CREATE VIEW IF NOT EXISTS history_operating_systems{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.operating_system AS operating_system,
       h.operating_system_version AS operating_system_version, h.visitors AS visitors, h.visits AS visits,
       h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces, h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.operating_system AS operating_system,
           v.operating_system_version AS operating_system_version, uniqExact(v.user_id) AS visitors,
           count() AS visits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM visible_sessions AS v
    GROUP BY site_id, day, operating_system, operating_system_version
    UNION ALL
    SELECT site_id, date, operating_system, operating_system_version, sum(visitors), sum(visits),
           sum(visit_duration), sum(pageviews), sum(bounces), 'imported'
    FROM visible_imported_operating_systems
    GROUP BY site_id, date, operating_system, operating_system_version
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);
