package delivery_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/delivery"
)

// many puts events with a job each into the store: three destinations of two actions,
// one of a hundred jobs failed, one of ten waiting, the others succeeded, over ten days.
func (b *bundle) many(t *testing.T, n int) {
	t.Helper()
	// The statistics of an autovacuum at the same time would keep the VACUUM below from removing what it should.
	for _, table := range []string{"events", "jobs", "transitions"} {
		b.exec(t, "ALTER TABLE "+table+" SET (autovacuum_enabled = false)")
	}
	b.exec(t, `INSERT INTO events (id, source, name, received_at)
		SELECT lpad(i::text, 10, '0'), 'shop', 'checkout', now() - make_interval(secs => ($1 - i) * 864000.0 / $1)
		FROM generate_series(1, $1::integer) i`, n)
	b.exec(t, `INSERT INTO jobs (id, destination, action, event_id, created_at)
		SELECT e.id, (ARRAY['crm', 'mail', 'bi'])[1 + e.id::bigint % 3], (ARRAY['upsert', 'delete'])[1 + e.id::bigint % 2], e.id,
		e.received_at FROM events e`)
	b.exec(t, `UPDATE jobs SET state = 'executing', due_at = NULL, lease_expires_at = now(), attempt = 1 WHERE id::bigint % 10 <> 0`)
	b.exec(t, `UPDATE jobs SET state = 'failed', due_at = now(), lease_expires_at = NULL WHERE id::bigint % 100 = 7`)
	b.exec(t, `UPDATE jobs SET state = 'succeeded', lease_expires_at = NULL, finished_at = now() WHERE state = 'executing'`)
	b.exec(t, `VACUUM (ANALYZE) events, jobs, transitions`)
}

func TestListJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 300)
	now, one, two := time.Now(), int32(1), int32(2)
	for name, test := range map[string]struct {
		filter delivery.JobFilter
		want   int
	}{
		"all":             {delivery.JobFilter{}, 300},
		"ids":             {delivery.JobFilter{IDs: []string{"0000000001", "0000000002", "nope"}}, 2},
		"event":           {delivery.JobFilter{EventID: "0000000001"}, 1},
		"parent":          {delivery.JobFilter{ParentID: "0000000001"}, 0},
		"replay":          {delivery.JobFilter{ReplayOf: "0000000001"}, 0},
		"destination":     {delivery.JobFilter{Destinations: []string{"crm"}}, 100},
		"destinations":    {delivery.JobFilter{Destinations: []string{"crm", "bi"}}, 200},
		"not destination": {delivery.JobFilter{NotDestinations: []string{"crm"}}, 200},
		"action":          {delivery.JobFilter{Actions: []string{"upsert"}, NotActions: []string{"delete"}}, 150},
		"version":         {delivery.JobFilter{Versions: []string{"v9"}}, 0},
		"not version":     {delivery.JobFilter{NotVersions: []string{"v9"}}, 300},
		"failed":          {delivery.JobFilter{States: []string{delivery.JobFailed}}, 3},
		"not succeeded":   {delivery.JobFilter{NotStates: []string{delivery.JobSucceeded}}, 33},
		"last day":        {delivery.JobFilter{CreatedAfter: now.Add(-24 * time.Hour)}, 30},
		"before that":     {delivery.JobFilter{CreatedBefore: now.Add(-24 * time.Hour)}, 270},
		"tried":           {delivery.JobFilter{MinAttempts: &one}, 270},
		"tried often":     {delivery.JobFilter{MinAttempts: &two}, 0},
		"tried seldom":    {delivery.JobFilter{MaxAttempts: new(int32)}, 30},
		"several at once": {delivery.JobFilter{Destinations: []string{"crm"}, States: []string{delivery.JobFailed}, MaxAttempts: &one}, 1},
		"by event":        {delivery.JobFilter{Event: &delivery.EventFilter{Names: []string{"checkout"}, NotSources: []string{"till"}}}, 300},
		"by no event":     {delivery.JobFilter{Event: &delivery.EventFilter{NotSources: []string{"shop"}}}, 0},
		"event and state": {delivery.JobFilter{
			States: []string{delivery.JobFailed}, MinAttempts: &one,
			Event: &delivery.EventFilter{Sources: []string{"shop"}, ReceivedBefore: now, Jobs: &delivery.JobFilter{EventID: "not looked at"}},
		}, 3},
		"nothing harmful":  {delivery.JobFilter{Destinations: []string{"' OR 1 = 1 --"}}, 0},
		"dollars, as well": {delivery.JobFilter{Destinations: []string{"$1"}, NotActions: []string{"$"}}, 0},
	} {
		jobs, err := b.ListJobs(b.ctx, test.filter, delivery.Page{Limit: delivery.MaxPage})
		require.NoError(t, err, name)
		require.Len(t, jobs, test.want, name)
		n, err := b.CountJobs(b.ctx, test.filter)
		require.NoError(t, err, name)
		require.EqualValues(t, test.want, n, name)
	}
}

// States are counted up to a maximum.
func TestCountStates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 300)
	for name, test := range map[string]struct {
		filter delivery.JobFilter
		most   int32
		want   map[string]int64
	}{
		"all":   {delivery.JobFilter{}, 1000, map[string]int64{delivery.JobAcknowledged: 30, delivery.JobFailed: 3, delivery.JobSucceeded: 267}},
		"most":  {delivery.JobFilter{}, 10, map[string]int64{delivery.JobAcknowledged: 10, delivery.JobFailed: 3, delivery.JobSucceeded: 10}},
		"state": {delivery.JobFilter{States: []string{delivery.JobFailed}}, 10, map[string]int64{delivery.JobFailed: 3}},
		"not state": {
			delivery.JobFilter{NotStates: []string{delivery.JobSucceeded}},
			100,
			map[string]int64{delivery.JobAcknowledged: 30, delivery.JobFailed: 3},
		},
		"destination": {
			delivery.JobFilter{Destinations: []string{"crm"}, Event: &delivery.EventFilter{Sources: []string{"shop"}}},
			5,
			map[string]int64{delivery.JobAcknowledged: 5, delivery.JobFailed: 1, delivery.JobSucceeded: 5},
		},
		"nothing":  {delivery.JobFilter{Destinations: []string{"nope"}}, 5, map[string]int64{}},
		"no state": {delivery.JobFilter{States: []string{"nope"}}, 5, map[string]int64{}},
	} {
		counts, err := b.CountStates(b.ctx, test.filter, test.most)
		require.NoError(t, err, name)
		got := map[string]int64{}
		for _, n := range counts {
			got[n.State] = n.Jobs
		}
		require.Equal(t, test.want, got, name)
	}
}

// Pages add up to the whole, newest first.
func TestListPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 250)
	var seen []string
	page := delivery.Page{}
	for {
		jobs, err := b.ListJobs(b.ctx, delivery.JobFilter{}, page)
		require.NoError(t, err)
		for _, job := range jobs {
			seen = append(seen, job.ID)
		}
		if len(jobs) < 100 {
			break
		}
		page.Before = jobs[99].ID
	}
	require.Len(t, seen, 250)
	for i, id := range seen {
		require.Equal(t, fmt.Sprintf("%010d", 250-i), id)
	}
}

func TestListEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 200)
	failed := &delivery.JobFilter{States: []string{delivery.JobFailed}}
	for name, test := range map[string]struct {
		filter delivery.EventFilter
		want   int
	}{
		"all":        {delivery.EventFilter{}, 200},
		"ids":        {delivery.EventFilter{IDs: []string{"0000000001"}}, 1},
		"source":     {delivery.EventFilter{Sources: []string{"shop"}, NotSources: []string{"till"}}, 200},
		"name":       {delivery.EventFilter{Names: []string{"checkout"}, NotNames: []string{"checkout"}}, 0},
		"version":    {delivery.EventFilter{Versions: []string{""}, NotVersions: []string{"v1"}}, 200},
		"parent":     {delivery.EventFilter{ParentID: "0000000001"}, 0},
		"last day":   {delivery.EventFilter{ReceivedAfter: time.Now().Add(-24 * time.Hour)}, 20},
		"by jobs":    {delivery.EventFilter{Sources: []string{"shop"}, Jobs: failed}, 2},
		"until then": {delivery.EventFilter{ReceivedBefore: time.Now().Add(-24 * time.Hour), Jobs: &delivery.JobFilter{}}, 180},
	} {
		events, err := b.ListEvents(b.ctx, test.filter, delivery.Page{Limit: delivery.MaxPage})
		require.NoError(t, err, name)
		require.Len(t, events, test.want, name)
		n, err := b.CountEvents(b.ctx, test.filter)
		require.NoError(t, err, name)
		require.EqualValues(t, test.want, n, name)
		for _, event := range events {
			require.EqualValues(t, 1, event.Jobs)
		}
	}
}

func TestJobStats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 600)
	stats, err := b.JobStats(b.ctx, delivery.JobFilter{Destinations: []string{"crm"}})
	require.NoError(t, err)
	var total, due int64
	for _, line := range stats {
		require.Equal(t, "crm", line.Destination)
		total, due = total+line.Jobs, due+line.Due
		require.Equal(t, line.Due > 0, line.OldestDue != nil)
	}
	require.EqualValues(t, 200, total)
	require.EqualValues(t, 22, due)
	hours, err := b.JobsByHour(b.ctx, delivery.JobFilter{CreatedAfter: time.Now().Add(-24 * time.Hour)})
	require.NoError(t, err)
	total = 0
	for i, line := range hours {
		total += line.Jobs
		require.Equal(t, line.Hour, line.Hour.Truncate(time.Hour))
		require.True(t, i == 0 || !line.Hour.After(hours[i-1].Hour))
	}
	require.EqualValues(t, 60, total)
}

// TestListingsUseIndexes: with 100,000 jobs every usual listing and what workers ask for
// uses an index, and none sorts or reads the whole table.
func TestListingsUseIndexes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 100_000)
	for name, f := range map[string]delivery.JobFilter{
		"all":                   {},
		"id":                    {IDs: []string{"0000000001"}},
		"event":                 {EventID: "0000000001"},
		"parent":                {ParentID: "0000000001"},
		"replay":                {ReplayOf: "0000000001"},
		"destination":           {Destinations: []string{"crm"}},
		"action":                {Destinations: []string{"crm"}, Actions: []string{"upsert"}},
		"state":                 {States: []string{delivery.JobFailed}},
		"state that is not":     {States: []string{delivery.JobHeld}},
		"action and state":      {Destinations: []string{"crm"}, Actions: []string{"upsert"}, States: []string{delivery.JobFailed}},
		"destination and state": {Destinations: []string{"crm"}, States: []string{delivery.JobFailed}},
		"last hour":             {CreatedAfter: time.Now().Add(-time.Hour)},
	} {
		statement, args := delivery.ListJobsStatement(f, delivery.Page{})
		b.usesIndex(t, name, statement, args)
		statement, args = delivery.ListJobsStatement(f, delivery.Page{Before: "0000050000"})
		b.usesIndex(t, name+", second page", statement, args)
	}
	for name, f := range map[string]delivery.EventFilter{
		"all": {}, "source": {Sources: []string{"shop"}}, "last hour": {ReceivedAfter: time.Now().Add(-time.Hour)},
		"parent": {ParentID: "0000000001"},
	} {
		statement, args := delivery.ListEventsStatement(f, delivery.Page{})
		b.usesIndex(t, "events: "+name, statement, args)
	}
	// What claim_jobs asks for each connection: jobs that have not failed, then those that have.
	for _, failed := range []string{"NOT has_failed", "has_failed"} {
		b.usesIndex(t, "claim", `SELECT id FROM jobs WHERE destination = 'crm' AND action = 'upsert' AND connection = '@crm'
			AND `+failed+` AND due_at <= now() ORDER BY due_at, id LIMIT 100 FOR UPDATE SKIP LOCKED`, nil)
	}
	b.usesIndex(t, "leases", `SELECT id FROM jobs WHERE destination = 'crm' AND action = 'upsert' AND state = 'executing'
		AND lease_expires_at <= now()`, nil)
	b.usesIndex(t, "history", `SELECT * FROM transitions WHERE job_id = '0000000001' ORDER BY id`, nil)
}

// usesIndex looks at the plan of a statement: its outer part reads no table from one end to
// the other, and touches few rows.
func (b *bundle) usesIndex(t *testing.T, name, statement string, args []any) {
	t.Helper()
	var text []byte
	require.NoError(t, b.sql.QueryRow(b.ctx, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+statement, args...).Scan(&text), name)
	require.NotContains(t, string(text), `"Seq Scan"`, name)
	var plans []struct {
		Plan struct {
			Hit  int64 `json:"Shared Hit Blocks"`
			Read int64 `json:"Shared Read Blocks"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &plans))
	// All pages of the table are about 3,000.
	require.Less(t, plans[0].Plan.Hit+plans[0].Plan.Read, int64(1000), "%s:\n%s", name, strings.TrimSpace(string(text)))
}
