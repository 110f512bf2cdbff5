package sluice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	devstack "github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/terminal"
)

const (
	demoRate     = 200
	demoDuration = 8 * time.Second
	// arrivalTimeout bounds the wait for accepted events.
	arrivalTimeout = time.Minute
	arrivalPoll    = 200 * time.Millisecond
)

// arrived is what the warehouse has of the demo's site.
type arrived struct {
	// events are rows. Unmatched are engagements without a session, which are only counted.
	events, sessions, unmatched uint64
}

// visitors sends the events of visitors for some seconds, and counts those that have arrived in ClickHouse.
func (d *demonstration) visitors(ctx context.Context) (err error) {
	options, err := clickhouse.ParseDSN(d.env[stack.EnvWarehouseDSN])
	if err != nil {
		return fmt.Errorf("read the DSN of the warehouse: %w", errors.Unwrap(err))
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return fmt.Errorf("open the warehouse: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	before, err := countArrived(ctx, conn)
	if err != nil {
		return err
	}
	url := "http://" + d.env[stack.EnvServerAddress]
	d.printf("\n$ sluice-dev traffic --site %s --rate %d --for %s --url %s\n", demoSite, demoRate, demoDuration, url)
	sent, err := sendTraffic(ctx, devstack.Traffic{
		URL: url, Site: demoSite, Rate: demoRate, Duration: demoDuration, Seed: uint64(time.Now().UnixNano()),
	}, d.stdout)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	begun := time.Now()
	now, err := awaitArrived(waiting, conn, before, uint64(sent.accepted))
	if err != nil {
		return err
	}
	table := terminal.NewTable("ACCEPTED", "ROWS IN CLICKHOUSE", "ENGAGEMENTS WITHOUT SESSION", "SESSIONS", "AFTER", "")
	verdict := terminal.Coloured{Text: "equal", Colour: terminal.Green}
	events, unmatched := now.events-before.events, now.unmatched-before.unmatched
	if events+unmatched != uint64(sent.accepted) {
		verdict = terminal.Coloured{Text: "different", Colour: terminal.Red}
		err = errors.New("not every accepted event has arrived once")
	}
	table.Row(sent.accepted, int64(events), int64(unmatched), int64(now.sessions-before.sessions),
		time.Since(begun).Round(100*time.Millisecond).String(), verdict)
	d.printf("\nCounted in ClickHouse:\n\n")
	return errors.Join(err, table.Write(d.stdout), d.countries(ctx, conn))
}

// countries shows where the visitors come from, which the reference data tell.
func (d *demonstration) countries(ctx context.Context, conn driver.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	const query = `SELECT toString(country_code) AS country, uniq(user_id) AS visitors FROM events
    WHERE site_id IN (SELECT site_id FROM ingest_counters WHERE domain = $1) AND country_code != '\0\0'
    GROUP BY country ORDER BY visitors DESC, country LIMIT 5`
	rows, err := conn.Query(ctx, query, demoSite)
	if err != nil {
		return fmt.Errorf("count the visitors of countries: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	table := terminal.NewTable("COUNTRY", "VISITORS")
	found := false
	for rows.Next() {
		var country string
		var visitors uint64
		if err := rows.Scan(&country, &visitors); err != nil {
			return fmt.Errorf("count the visitors of countries: %w", err)
		}
		table.Row(country, int64(visitors))
		found = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("count the visitors of countries: %w", err)
	}
	if !found {
		d.printf("\nNo countries: there are no reference data. Install them with `make refdata`.\n")
		return nil
	}
	d.printf("\nMost visitors are from:\n\n")
	return table.Write(d.stdout)
}

// awaitArrived waits until as many events have arrived as were accepted, or ctx ends.
func awaitArrived(ctx context.Context, conn driver.Conn, before arrived, accepted uint64) (now arrived, err error) {
	for range delay.Rounds(ctx, arrivalPoll) {
		now, err = countArrived(context.WithoutCancel(ctx), conn)
		if err != nil || now.events+now.unmatched >= before.events+before.unmatched+accepted {
			return now, err
		}
	}
	return now, nil
}

// countTimeout bounds one count.
const countTimeout = 10 * time.Second

func countArrived(ctx context.Context, conn driver.Conn) (a arrived, err error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	const query = `SELECT
    (SELECT count() FROM events WHERE site_id IN (SELECT site_id FROM ingest_counters WHERE domain = $1)),
    (SELECT count() FROM visible_sessions WHERE site_id IN (SELECT site_id FROM ingest_counters WHERE domain = $1)),
    (SELECT sum(value) FROM ingest_counters WHERE domain = $1 AND metric = 'dropped_no_session_for_engagement')`
	if err := conn.QueryRow(ctx, query, demoSite).Scan(&a.events, &a.sessions, &a.unmatched); err != nil {
		return arrived{}, fmt.Errorf("count what has arrived: %w", err)
	}
	return a, nil
}
