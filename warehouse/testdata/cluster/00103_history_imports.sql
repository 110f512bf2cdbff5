-- +goose Up

-- import_id is the import that has brought the row in, 0 for native data. Imports of a site share no day, so that
-- a row is still a day of a site.
CREATE OR REPLACE VIEW history_visitors ON CLUSTER 'eu-1' AS
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
        FROM visible_sessions GROUP BY site_id, day
    )
    GROUP BY site_id, day
    UNION ALL
    SELECT site_id, date, sum(visitors), sum(pageviews), sum(visits), sum(bounces), sum(visit_duration), 'imported',
           import_id
    FROM visible_imported_visitors
    GROUP BY site_id, import_id, date
) AS h
LEFT JOIN (SELECT site_id, domain, native_start FROM sites FINAL) AS s ON s.site_id = h.site_id
WHERE s.native_start IS NULL OR (h.origin = 'native') = (h.day >= s.native_start);
