-- +goose Up
{{- define "visible"}}(site_id, import_id) IN (SELECT site_id, import_id FROM import_visibility FINAL WHERE visible){{end}}
{{- define "first_native_day"}}LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start){{end}}

-- The views of the history, made to be read fast.
-- The imported rows of all but history_visitors are those of the imports, as they are: grouping them by day and value
-- took more than half of the time of a breakdown of many values. An import may bring in several rows of a day and a
-- value: sum them.
-- The views read tables and no views: ClickHouse plans a view again at each level, which took a third of the time.

CREATE OR REPLACE VIEW history_visitors{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.visitors AS visitors, h.pageviews AS pageviews,
       h.visits AS visits, h.bounces AS bounces, h.visit_duration AS visit_duration, h.origin AS origin,
       h.import_id AS import_id
FROM (
    -- People and pageviews count on the day of the event, visits on the day of their start.
    SELECT site_id, day, sum(people) AS visitors, sum(viewed) AS pageviews, sum(visited) AS visits,
           sum(bounced) AS bounces, sum(seconds) AS visit_duration, 'native' AS origin, toUInt64(0) AS import_id
    FROM (
        SELECT site_id, day, uniqExactIf(user_id, name != 'engagement') AS people,
               countIf(name = 'pageview') AS viewed, toUInt64(0) AS visited, toUInt64(0) AS bounced,
               toUInt64(0) AS seconds
        FROM events GROUP BY site_id, day
        UNION ALL
        SELECT site_id, day, toUInt64(0), toUInt64(0), count(), sum(is_bounce), sum(duration)
        FROM sessions FINAL GROUP BY site_id, day
    )
    GROUP BY site_id, day
    UNION ALL
    SELECT site_id, date, sum(visitors), sum(pageviews), sum(visits), sum(bounces), sum(visit_duration), 'imported',
           import_id
    FROM imported_visitors WHERE {{template "visible"}}
    GROUP BY site_id, import_id, date
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_sources{{.OnCluster}} AS
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
    FROM sessions AS v FINAL
    GROUP BY site_id, day, source, channel, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term
    UNION ALL
    SELECT site_id, date, source, channel, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term,
           visitors, visits, visit_duration, pageviews, bounces, 'imported'
    FROM imported_sources WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_pages{{.OnCluster}} AS
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
        FROM sessions FINAL WHERE exit_page != ''
        GROUP BY site_id, day, exit_page_hostname, exit_page
    )
    GROUP BY site_id, day, hostname, page
    UNION ALL
    SELECT site_id, date, hostname, page, visitors, visits, pageviews, exits,
           total_scroll_depth, total_scroll_depth_visits, total_time_on_page,
           total_time_on_page_visits, 'imported'
    FROM imported_pages WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_entry_pages{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.entry_page AS entry_page, h.visitors AS visitors,
       h.entrances AS entrances, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.entry_page AS entry_page, uniqExact(v.user_id) AS visitors,
           count() AS entrances, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM sessions AS v FINAL WHERE v.entry_page != ''
    GROUP BY site_id, day, entry_page
    UNION ALL
    SELECT site_id, date, entry_page, visitors, entrances, visit_duration, pageviews, bounces,
           'imported'
    FROM imported_entry_pages WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_exit_pages{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.exit_page AS exit_page, h.visitors AS visitors,
       h.exits AS exits, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.exit_page AS exit_page, uniqExact(v.user_id) AS visitors,
           count() AS exits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM sessions AS v FINAL WHERE v.exit_page != ''
    GROUP BY site_id, day, exit_page
    UNION ALL
    SELECT site_id, date, exit_page, visitors, exits, visit_duration, pageviews, bounces,
           'imported'
    FROM imported_exit_pages WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_custom_events{{.OnCluster}} AS
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
    SELECT site_id, date, name, link_url, path, visitors, events, 'imported'
    FROM imported_custom_events WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_locations{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.country AS country, h.region AS region,
       h.city AS city, h.visitors AS visitors, h.visits AS visits, h.visit_duration AS visit_duration,
       h.pageviews AS pageviews, h.bounces AS bounces, h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, toStringCutToZero(v.country_code) AS country,
           v.subdivision1_code AS region, toUInt64(v.city_geoname_id) AS city, uniqExact(v.user_id) AS visitors,
           count() AS visits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM sessions AS v FINAL
    GROUP BY site_id, day, country, region, city
    UNION ALL
    SELECT site_id, date, country, region, city, visitors, visits, visit_duration, pageviews, bounces,
           'imported'
    FROM imported_locations WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_devices{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.device AS device, h.visitors AS visitors,
       h.visits AS visits, h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces,
       h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.screen_size AS device, uniqExact(v.user_id) AS visitors,
           count() AS visits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM sessions AS v FINAL
    GROUP BY site_id, day, device
    UNION ALL
    SELECT site_id, date, device, visitors, visits, visit_duration, pageviews, bounces,
           'imported'
    FROM imported_devices WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_browsers{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.browser AS browser,
       h.browser_version AS browser_version, h.visitors AS visitors, h.visits AS visits,
       h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces, h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.browser AS browser, v.browser_version AS browser_version,
           uniqExact(v.user_id) AS visitors, count() AS visits, sum(v.duration) AS visit_duration,
           toUInt64(sum(v.pageviews)) AS pageviews, sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM sessions AS v FINAL
    GROUP BY site_id, day, browser, browser_version
    UNION ALL
    SELECT site_id, date, browser, browser_version, visitors, visits, visit_duration, pageviews, bounces,
           'imported'
    FROM imported_browsers WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};

CREATE OR REPLACE VIEW history_operating_systems{{.OnCluster}} AS
SELECT h.site_id AS site_id, s.domain AS domain, h.day AS day, h.operating_system AS operating_system,
       h.operating_system_version AS operating_system_version, h.visitors AS visitors, h.visits AS visits,
       h.visit_duration AS visit_duration, h.pageviews AS pageviews, h.bounces AS bounces, h.origin AS origin
FROM (
    SELECT v.site_id AS site_id, v.day AS day, v.operating_system AS operating_system,
           v.operating_system_version AS operating_system_version, uniqExact(v.user_id) AS visitors,
           count() AS visits, sum(v.duration) AS visit_duration, toUInt64(sum(v.pageviews)) AS pageviews,
           sum(v.is_bounce) AS bounces, 'native' AS origin
    FROM sessions AS v FINAL
    GROUP BY site_id, day, operating_system, operating_system_version
    UNION ALL
    SELECT site_id, date, operating_system, operating_system_version, visitors, visits,
           visit_duration, pageviews, bounces, 'imported'
    FROM imported_operating_systems WHERE {{template "visible"}}
) AS h
{{template "first_native_day"}};
