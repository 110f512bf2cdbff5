package apibench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// step is a statement that fills tables, whose indexes are built afterwards: that is faster.
type step struct {
	table     string
	statement string
	args      []any
}

// fill fills the store by statements on its tables, without triggers: they refuse a new job that has succeeded.
func (b *bench) fill(ctx context.Context) error {
	var last int64
	if err := b.sql.QueryRow(ctx, "SELECT coalesce(max(id), 0) FROM imports").Scan(&last); err != nil {
		return fmt.Errorf("count the imports: %w", err)
	}
	b.firstImport, b.site = last+1, domainOf(1)
	sites, imports, jobs, now := b.cfg.Sites, b.cfg.Imports, b.cfg.Jobs, time.Now()
	if _, err := b.sql.Exec(ctx, fillSites, sites); err != nil {
		return fmt.Errorf("fill the table sites: %w", err)
	}
	for _, s := range []step{
		{"imports", fillImports, []any{imports, sites}},
		{"parts", fillParts, []any{last}},
		{"feedback", fillFeedback, []any{last}},
		{"reviews", fillReviews, []any{last}},
		{"events", fillEvents, []any{jobs, now}},
		{"jobs", fillJobs, []any{jobs, now}},
		{"transitions", fillTransitions, nil},
	} {
		if err := pgx.BeginFunc(ctx, b.sql, func(tx pgx.Tx) error { return s.run(ctx, tx) }); err != nil {
			return fmt.Errorf("fill the table %s: %w", s.table, err)
		}
	}
	// VACUUM also sets what index-only scans need.
	for _, table := range []string{"sites", "imports", "parts", "feedback", "reviews", "events", "jobs", "transitions"} {
		if _, err := b.sql.Exec(ctx, "VACUUM ANALYZE "+table); err != nil {
			return fmt.Errorf("vacuum the table %s: %w", table, err)
		}
	}
	rows, err := b.sql.Query(ctx, "SELECT id FROM jobs ORDER BY md5(id) LIMIT 10000")
	if err != nil {
		return fmt.Errorf("read some jobs: %w", err)
	}
	b.jobIDs, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// run executes the step without triggers and builds the indexes of the table, except those of constraints, afterwards.
func (s step) run(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = $1::regclass
		AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)`, s.table)
	if err != nil {
		return err
	}
	type index struct{ Name, Definition string }
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return err
	}
	for _, i := range indexes {
		if _, err := tx.Exec(ctx, "DROP INDEX "+pgx.Identifier{i.Name}.Sanitize()); err != nil {
			return err
		}
	}
	for _, setting := range []string{"session_replication_role = replica", "maintenance_work_mem = '256MB'"} {
		if _, err := tx.Exec(ctx, "SET LOCAL "+setting); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, s.statement, s.args...); err != nil {
		return err
	}
	for _, i := range indexes {
		if _, err := tx.Exec(ctx, i.Definition); err != nil {
			return err
		}
	}
	return nil
}

// domainOf is the domain of a site, counted from 1.
func domainOf(no int) string { return fmt.Sprintf("site-%d.bench.example", no) }

const fillSites = `INSERT INTO sites (domain, time_zone)
SELECT 'site-' || n || '.bench.example', 'UTC' FROM generate_series(1, $1::int) n`

// Of a hundred imports, 84 are completed and 6 unchanged, 5 have failed, 3 were cancelled, one is in review, and one in
// two hundred is running or queued. None is declined or parked.
//
//nolint:dupword // columns of SQL
const fillImports = `INSERT INTO imports (site_id, source, label, args, requested_by, on_part_failure, max_rejects,
	max_reject_share, chunk_rows, chunk_bytes, parallelism, review, status, phase, error, error_class, start_date,
	end_date, days, workflow_id, run_id, created_at, checked_at, started_at, finished_at, closed_at)
SELECT s.id, CASE WHEN n % 3 = 0 THEN 'google_analytics_4' ELSE 'csv' END, 'Export ' || n,
	jsonb_build_object('paths', jsonb_build_array('/data/export-' || n || '.csv')), 'ann', 'park', 100, 0.01, 50000,
	16777216, 4, m.status = 'in_review', m.status, CASE m.status WHEN 'running' THEN 'loading' ELSE m.status END,
	CASE m.status WHEN 'failed' THEN 'the source answered 403' ELSE '' END,
	CASE m.status WHEN 'failed' THEN 'source' ELSE '' END, m.day, m.day + 30,
	jsonb_build_array(jsonb_build_object('first', m.day, 'last', m.day + 30)),
	'import/' || s.domain || '/' || n, gen_random_uuid()::text, m.at, m.at, m.at,
	CASE WHEN m.ended THEN m.at + interval '5 minutes' END, CASE WHEN m.ended THEN m.at + interval '5 minutes' END
FROM generate_series(1, $1::int) n
CROSS JOIN LATERAL (SELECT CASE WHEN n % 100 < 84 THEN 'completed' WHEN n % 100 < 90 THEN 'unchanged'
	WHEN n % 100 < 95 THEN 'failed' WHEN n % 100 < 98 THEN 'cancelled' WHEN n % 100 = 98 THEN 'in_review'
	WHEN n % 200 = 99 THEN 'running' ELSE 'queued' END AS status, now() - make_interval(mins => $1::int - n) AS at,
	n % 100 < 98 AS ended, date '2020-01-01' + n % 1000 AS day) m
JOIN sites s ON s.domain = 'site-' || 1 + (n - 1) % $2::int || '.bench.example'
ORDER BY n`

// An import has one part for each of the ten tables.
const fillParts = `INSERT INTO parts (import_id, no, table_name, label, args, status, bytes_total, bytes_read,
	rows_read, rows_loaded, rows_rejected, started_at, finished_at)
SELECT i.id, p.no - 1, p.name, p.name || '_20240101_20240131.csv', '{}',
	CASE WHEN i.closed_at IS NULL THEN 'running' ELSE 'done' END,
	1000000, 900000, 10000, 9990, 10, i.started_at, i.finished_at
FROM imports i CROSS JOIN unnest(ARRAY['imported_visitors', 'imported_sources', 'imported_pages',
	'imported_entry_pages', 'imported_exit_pages', 'imported_custom_events', 'imported_locations', 'imported_devices',
	'imported_browsers', 'imported_operating_systems']) WITH ORDINALITY AS p(name, no)
WHERE i.id > $1::bigint`

const fillFeedback = `INSERT INTO feedback (import_id, seq, at, level, message, occasion)
SELECT i.id, f, i.started_at,
	CASE WHEN f = 5 AND i.status = 'failed' THEN 'error' WHEN f = 4 THEN 'warn' ELSE 'info' END,
	'Line ' || f || ' of the log of an import, which says what it has done', 'occasion-' || f
FROM imports i CROSS JOIN generate_series(1, 8) f WHERE i.id > $1::bigint`

const fillReviews = `INSERT INTO reviews (import_id, generation, opened_at, expires_at)
SELECT id, generation, started_at, now() + interval '7 days' FROM imports
WHERE status = 'in_review' AND id > $1::bigint`

// jobTime is the time of row n of $1, which are spread over the 30 days before $2, and idOf a UUID of version 7 of it.
const (
	jobTime = `($2::timestamptz - interval '30 days' + interval '30 days' * (n::float8 / $1::int))`
	idOf    = `(SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0')
		FROM lpad(to_hex((extract(epoch FROM ` + jobTime + `) * 1000)::bigint), 12, '0') h)`
)

// Two jobs belong to an event.
const fillEvents = `INSERT INTO events (id, source, name, context, data, received_at)
SELECT ` + idOf + `, CASE WHEN n % 10 < 7 THEN 'shop' ELSE 'crm' END, 'order.paid', '{"locale": "en"}',
	jsonb_build_object('order', n, 'total', n % 500, 'currency', 'EUR', 'email', 'ann-' || n || '@example.com'),
	` + jobTime + `
FROM generate_series(2, $1::int + 1, 2) n`

// Of a thousand jobs, 970 have succeeded. Most are of the webhook, one in a thousand of postgres.
//
//nolint:dupword // columns of SQL
const fillJobs = `INSERT INTO jobs (id, destination, action, version, context, data, event_id, state, attempt,
	has_failed, due_at, last_error, created_at, updated_at, finished_at)
SELECT j.id, CASE WHEN n % 1000 = 7 THEN 'postgres' WHEN n % 10 < 6 THEN 'webhook' WHEN n % 10 < 9 THEN 'log'
	ELSE 'smtp' END, CASE WHEN n % 10 < 6 THEN 'post' ELSE 'write' END, '', '{"locale": "en"}',
	jsonb_build_object('order', n, 'total', n % 500, 'currency', 'EUR', 'email', 'ann-' || n || '@example.com'),
	j.event_id, j.state, CASE j.state WHEN 'acknowledged' THEN 0 ELSE 1 END, j.state IN ('failed', 'discarded', 'unknown'),
	CASE WHEN j.state IN ('failed', 'awaiting', 'acknowledged') THEN now() + interval '1 day' END,
	CASE WHEN j.state IN ('failed', 'discarded') THEN '{"message": "it answered 503"}'::jsonb ELSE '{}' END,
	j.at, j.at, CASE WHEN j.state IN ('succeeded', 'discarded', 'cancelled') THEN j.at END
FROM generate_series(1, $1::int) m
CROSS JOIN LATERAL (SELECT m AS n) o
CROSS JOIN LATERAL (SELECT ` + idOf + ` AS id, ` + jobTime + ` AS at,
	(SELECT ` + idOf + ` FROM (SELECT n + n % 2 AS n) e) AS event_id,
	CASE WHEN n % 1000 < 970 THEN 'succeeded' WHEN n % 1000 < 980 THEN 'discarded' WHEN n % 1000 < 985 THEN 'failed'
		WHEN n % 1000 < 988 THEN 'cancelled' WHEN n % 1000 < 992 THEN 'awaiting' WHEN n % 1000 < 996 THEN 'acknowledged'
		WHEN n % 1000 < 998 THEN 'unknown' ELSE 'held' END AS state) j
ORDER BY m`

const fillTransitions = `INSERT INTO transitions (job_id, state_before, state_after, attempt, error, at)
SELECT j.id, t.state_before, t.state_after, t.attempt, '{}', j.created_at
FROM jobs j CROSS JOIN (VALUES (NULL, 'acknowledged', 0), ('acknowledged', 'executing', 1),
	('executing', 'succeeded', 1)) AS t(state_before, state_after, attempt)
WHERE j.state = 'succeeded'`
