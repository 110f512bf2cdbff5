package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// shop is a system without a worker and two events of a shop: jobs stay where they are.
type shop struct {
	shell
	*enginetest.System
	// log and hook are the jobs of the first event, mail is that of the second.
	log, hook, mail string
	events          []string
}

func newShop(t *testing.T) shop {
	t.Helper()
	system, s := systemWithoutWorker(t)
	b := shop{shell: s, System: system}
	first, err := system.Store.Deliveries.AddEvent(enginetest.Context(t), deliverystore.NewEvent{
		Source: "shop", Name: "order.paid", Version: "v1", IdempotencyKey: "order 1",
		Context: json.RawMessage(`{"ip": "::1"}`), Data: json.RawMessage(`{"total": 12}`),
		Jobs: []deliverystore.NewJob{
			{Destination: "log", Action: "write", Data: json.RawMessage(`{"text": "paid"}`)},
			{Destination: "webhook", Action: "post", Version: "v2"},
		},
	})
	require.NoError(t, err)
	second, err := system.Store.Deliveries.AddEvent(enginetest.Context(t), deliverystore.NewEvent{
		Source: "crm", Jobs: []deliverystore.NewJob{{Destination: "smtp", Action: "send"}},
	})
	require.NoError(t, err)
	b.log, b.hook, b.mail = first.Jobs[0], first.Jobs[1], second.Jobs[0]
	b.events = []string{first.Event.ID, second.Event.ID}
	return b
}

// recordOutcome makes a delivery of a job end in a state.
func (b shop) recordOutcome(t *testing.T, destination, action, state, reason string) {
	t.Helper()
	ctx := enginetest.Context(t)
	claim, err := b.Store.Deliveries.ClaimDue(ctx, deliverystore.ClaimRequest{
		Destination: destination, Action: action, Limit: 1, Lease: time.Minute, MaxRetries: 3,
	})
	require.NoError(t, err)
	require.Len(t, claim.Jobs, 1)
	recorded, err := b.Store.Deliveries.RecordOutcomes(ctx, []deliverystore.JobOutcome{{
		JobID: claim.Jobs[0].ID, FencingToken: claim.Jobs[0].FencingToken, State: state, Error: reason, RetryAfter: time.Hour,
	}})
	require.NoError(t, err)
	require.Len(t, recorded.Recorded, 1)
}

func (b shop) state(t *testing.T, id string) string {
	t.Helper()
	job, err := b.Store.Deliveries.Job(enginetest.Context(t), id)
	require.NoError(t, err)
	return job.State
}

func TestJobCommands(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	b.recordOutcome(t, "webhook", "post", deliverystore.JobFailed, "it answered 503 Service Unavailable")
	golden(t, "job-list", b.ok(t, "job", "list"))
	golden(t, "job-stats", b.ok(t, "job", "stats"))
	golden(t, "job-stats-hourly", b.ok(t, "job", "stats", "--hourly", "--destination", "webhook"))
	golden(t, "job-show", b.ok(t, "job", "show", b.hook))
	golden(t, "destination-list", b.ok(t, "destination", "list"))
	golden(t, "destination-show", b.ok(t, "destination", "show", "webhook"))
	golden(t, "event-list", b.ok(t, "event", "list"))
	golden(t, "event-show", b.ok(t, "event", "show", b.events[0]))

	var job deliveryclient.JobDetails
	b.json(t, &job, "job", "show", b.hook)
	require.Equal(t, []string{"acknowledged", "executing", "failed"},
		[]string{job.Transitions[0].To, job.Transitions[1].To, job.Transitions[2].To})
	require.Nil(t, job.Transitions[0].From)
	require.Equal(t, "it answered 503 Service Unavailable", job.Transitions[2].Error)
	require.Equal(t, b.events[0], job.EventID)
	var all []deliveryclient.JobCount
	b.json(t, &all, "job", "stats")
	require.Len(t, all, 3)
	var shown deliveryclient.Destination
	b.json(t, &shown, "destination", "show", "webhook")
	require.Equal(t, map[string]int64{"failed": 1}, shown.Jobs)
	require.True(t, shown.Actions[0].Realtime)
	var destinations []deliveryclient.Destination
	b.json(t, &destinations, "destination", "list")
	require.Len(t, destinations, 5)
	var event deliveryclient.EventDetails
	b.json(t, &event, "event", "show", b.events[0])
	require.Len(t, event.Jobs, 2)
	require.JSONEq(t, `{"total": 12}`, string(event.Data))

	require.Equal(t, "1 job would be retried\n", b.ok(t, "job", "retry", "--state", "failed", "--dry-run"))
	require.Equal(t, "3 jobs would be replayed\n", b.ok(t, "job", "replay", "--all", "--dry-run"))
	counted := map[string]any{}
	b.json(t, &counted, "job", "cancel", "--all", "--dry-run")
	require.Equal(t, map[string]any{"result": "cancelled", "jobs": 3.0, "dry_run": true}, counted)
	require.Equal(t, deliverystore.JobFailed, b.state(t, b.hook), "nothing was changed")
	b.fails(t, "job nope: not found: see `sluice job list`", "job", "show", "nope")
	b.fails(t, "event nope: not found: see `sluice event list`", "event", "show", "nope")
	b.fails(t, `unknown destination "crm" (want clickhouse, log, postgres, smtp, webhook)`,
		"destination", "show", "crm")
}

func TestJobFilters(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	b.recordOutcome(t, "webhook", "post", deliverystore.JobFailed, "no")
	for line, want := range map[string][]string{
		"":                                 {b.mail, b.hook, b.log},
		"--destination log,smtp":           {b.mail, b.log},
		"--not-destination log":            {b.mail, b.hook},
		"--action post --action send":      {b.mail, b.hook},
		"--not-action send":                {b.hook, b.log},
		"--job-version v2":                 {b.hook},
		"--not-job-version v2":             {b.mail, b.log},
		"--state failed":                   {b.hook},
		"--not-state failed,held":          {b.mail, b.log},
		"--event " + b.events[0]:           {b.hook, b.log},
		"--parent " + b.log:                {},
		"--min-attempts 1":                 {b.hook},
		"--max-attempts 0":                 {b.mail, b.log},
		"--created-after 1h":               {b.mail, b.hook, b.log},
		"--created-before 2020-01-31":      {},
		"--created-before 1h":              {},
		"--limit 2":                        {b.mail, b.hook},
		"--limit 2 --before " + b.hook:     {b.log},
		"--state failed --destination log": {},
		"--source shop":                    {b.hook, b.log},
		"--source shop,crm":                {b.mail, b.hook, b.log},
		"--not-source shop":                {b.mail},
		"--name order.paid":                {b.hook, b.log},
		"--not-name order.paid":            {b.mail},
		"--event-version v1":               {b.hook, b.log},
		"--not-event-version v1":           {b.mail},
		"--received-after 1h":              {b.mail, b.hook, b.log},
		"--received-before 1h":             {},
		"--source shop --state failed":     {b.hook},
	} {
		var jobs []deliveryclient.Job
		b.json(t, &jobs, append([]string{"job", "list"}, strings.Fields(line)...)...)
		got := []string{}
		for _, job := range jobs {
			got = append(got, job.ID)
		}
		require.Equal(t, want, got, line)
	}
	for line, want := range map[string]int{
		"": 2, "--source shop": 1, "--not-source shop": 1, "--name order.paid,other": 1, "--not-name order.paid": 1,
		"--event-version v1": 1, "--not-event-version v1": 1, "--part-of " + b.events[0]: 0, "--received-after 1h": 2,
		"--received-before 1h": 0, "--destination webhook --state failed": 1, "--state held": 0,
	} {
		var events []deliveryclient.Event
		b.json(t, &events, append([]string{"event", "list"}, strings.Fields(line)...)...)
		require.Len(t, events, want, line)
	}
	require.Equal(t, "3\n", b.ok(t, "job", "list", "--count", "--limit", "1"))
	require.Equal(t, "2\n", b.ok(t, "job", "list", "--count", "--source", "shop"))
	require.Equal(t, "1\n", b.ok(t, "event", "list", "--count", "--source", "shop"))
	var count map[string]int64
	b.json(t, &count, "event", "list", "--count")
	require.Equal(t, map[string]int64{"count": 2}, count)
	var stats []deliveryclient.JobCount
	b.json(t, &stats, "job", "stats", "--source", "crm")
	require.Len(t, stats, 1)
	require.Equal(t, "No jobs match --state.\n", b.ok(t, "job", "list", "--state", "held"))
	require.Equal(t, "No jobs match --state.\n", b.ok(t, "job", "stats", "--state", "held"))
	require.Equal(t, "No events match --source.\n", b.ok(t, "event", "list", "--source", "x"))
	require.Contains(t, b.ok(t, "job", "list", "--limit", "2"), "There may be more: continue with --before "+b.hook+".\n")
}

func TestJobOrders(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	require.Equal(t, "held 1 job\n", b.ok(t, "job", "hold", b.log, "--reason", "a look at it"))
	b.fails(t, "job "+b.log+" is held: it cannot be held", "job", "hold", b.log)
	require.Contains(t, b.ok(t, "job", "show", b.log), "ann: held: a look at it")
	require.Equal(t, "released 1 job\n", b.ok(t, "job", "release", b.log, "--by", "bob"))
	require.Equal(t, deliverystore.JobAwaiting, b.state(t, b.log))
	require.Equal(t, "held 1 job\n", b.ok(t, "job", "hold", "--source", "crm"), "by their events, too")
	require.Equal(t, "released 1 job\n", b.ok(t, "job", "release", b.mail))
	require.Equal(t, "cancelled 2 jobs\n", b.ok(t, "job", "cancel", "--destination", "log,smtp"))
	require.Equal(t, "cancelled 0 jobs\n", b.ok(t, "job", "cancel", "--destination", "log,smtp"))
	require.Equal(t, []string{deliverystore.JobCancelled, deliverystore.JobCancelled, deliverystore.JobAcknowledged},
		[]string{b.state(t, b.log), b.state(t, b.mail), b.state(t, b.hook)})
	// One of two cannot be: the other one is, and both are said.
	r := b.run(t, "job", "release", "nope", b.log)
	require.Equal(t, exitRefused, r.code)
	require.Equal(t, "sluice: job nope: not found\njob "+b.log+" is cancelled: it cannot be released\n", r.err)
	r = b.run(t, "job", "cancel", b.hook, b.log)
	require.Equal(t, "cancelled 1 job\n", r.out)
	require.Equal(t, "sluice: job "+b.log+" is cancelled: it cannot be cancelled\n", r.err)
	var answer struct {
		Result string   `json:"result"`
		Jobs   int      `json:"jobs"`
		IDs    []string `json:"ids"`
	}
	b.json(t, &answer, "job", "retry", "--all")
	require.Equal(t, 3, answer.Jobs)
	b.fails(t, "no jobs selected: want IDs, filters or --all: see `sluice job retry --help`", "job", "retry")
	b.fails(t, "conflicting selections of jobs: want IDs, filters or --all: see `sluice job cancel --help`",
		"job", "cancel", b.log, "--state", "failed")

	b.recordOutcome(t, "webhook", "post", deliverystore.JobUnknown, "the connection was lost")
	require.Equal(t, "resolved as succeeded 1 job\n", b.ok(t, "job", "resolve", b.hook, "--as", "succeeded", "--reason", "seen there"))
	require.Equal(t, deliverystore.JobSucceeded, b.state(t, b.hook))
	b.fails(t, `--as "": want succeeded or discarded`, "job", "resolve", b.hook)

	b.json(t, &answer, "job", "replay", b.hook)
	require.Len(t, answer.IDs, 1)
	require.Equal(t, deliverystore.JobAcknowledged, b.state(t, answer.IDs[0]))
	require.Contains(t, b.ok(t, "job", "show", answer.IDs[0]), b.hook)
	require.Regexp(t, "^replayed 1 job as\n  [0-9a-f-]{36}\n$", b.ok(t, "job", "replay", "--destination", "smtp"))
	b.fails(t, "job nope: not found: see `sluice job list`", "job", "replay", "nope")
}

func TestJobEdit(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	require.Equal(t, "changed job "+b.log+"; it is due now\n", b.ok(t, "job", "edit", b.log, "--data", `{"text": "unpaid"}`))
	path := filepath.Join(t.TempDir(), "context.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"ip": "::2"}`), 0o600))
	var job deliveryclient.JobDetails
	b.json(t, &job, "job", "edit", b.log, "--context", "@"+path)
	require.JSONEq(t, `{"text": "unpaid"}`, string(job.Data))
	require.JSONEq(t, `{"ip": "::2"}`, string(job.Context))
	require.Len(t, job.Edits, 2)
	require.JSONEq(t, `{"text": "paid"}`, string(job.Edits[0].Data))
	require.Equal(t, "ann", job.Edits[0].By)
	require.Equal(t, deliverystore.JobAwaiting, job.State)
	b.stdin = `{"text": "from afar"}`
	require.Contains(t, b.ok(t, "job", "edit", b.log, "--data", "-"), "changed job")
	require.Contains(t, b.ok(t, "job", "show", b.log), `{"text":"from afar"}`)

	b.fails(t, "nothing to change: want --data or --context", "job", "edit", b.log)
	b.fails(t, `--data is not a JSON object: want an object such as '{"name": "value"}'`, "job", "edit", b.log, "--data", "[1]")
	b.fails(t, "--context: open /nope: no such file or directory", "job", "edit", b.log, "--context", "@/nope")
	b.ok(t, "job", "cancel", b.hook)
	b.recordOutcome(t, "log", "write", deliverystore.JobSucceeded, "")
	b.fails(t, "edit job "+b.log+": it is succeeded: not possible in this state", "job", "edit", b.log, "--data", "{}")
}

// The listing shows settings of operators and errors.
func TestDestinationErrors(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	ctx := enginetest.Context(t)
	require.NoError(t, b.Store.Deliveries.Pause(ctx, "log", "", "ann"))
	for i := range 5 {
		_, err := b.Store.Deliveries.NoteEvidence(ctx, "@webhook", deliverystore.Evidence{Failed: []string{fmt.Sprint(i)}, Reason: "it answered 503"},
			deliverystore.CircuitRule{})
		require.NoError(t, err)
	}
	interval := "nonsense"
	_, err := b.Store.Deliveries.SaveSettings(ctx, deliverystore.ChangedSettings{Destination: "smtp", Action: "send", Interval: &interval})
	require.NoError(t, err)
	table := b.ok(t, "destination", "list")
	require.Regexp(t, `(?m)^log +Log +paused `, table)
	require.Regexp(t, `(?m)^webhook +Webhook +circuit open `, table)
	require.Regexp(t, `(?m)^- +open +1 +1 +5 +2\S+ \S+ +it answered 503$`, b.ok(t, "destination", "show", "webhook"))
	require.Contains(t, b.ok(t, "destination", "show", "smtp"), `send: interval: "nonsense" has 1 fields`)
}

func TestJobMistakes(t *testing.T) {
	t.Parallel()
	states := "acknowledged, awaiting, executing, succeeded, failed, discarded, unknown, cancelled, held"
	for line, want := range map[string]string{
		"job list --state done":             "--state done: want one of " + states,
		"event list --not-state done":       "--not-state done: want one of " + states,
		"job list --min-attempts -1":        "--min-attempts -1: want 0 to 2147483647",
		"job list --limit 1001":             "--limit 1001: want 1 to 1000",
		"job list --received-after soon":    `--received-after "soon" is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00, or 2h for two hours ago`,
		"job list x":                        "unexpected argument \"x\": see `sluice job list --help`",
		"job list --created-after soon":     `--created-after "soon" is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00, or 2h for two hours ago`,
		"event list --received-before soon": `--received-before "soon" is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00, or 2h for two hours ago`,
		"job show":                          "want one argument, a job ID, got none: see `sluice job show --help`",
		"job edit 1 2":                      "unexpected argument \"2\" after ID: see `sluice job edit --help`",
		"event show":                        "want one argument, an event ID, got none: see `sluice event show --help`",
		"destination show":                  "want one argument, a destination's name, got none: see `sluice destination show --help`",
		"destination list x":                "unexpected argument \"x\": see `sluice destination list --help`",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			offline().fails(t, want, strings.Fields(line)...)
		})
	}
}

// A connection whose endpoint is gone is paused, and says why, until it is resumed or changed;
// and one that waiting jobs name is not removed by accident.
func TestConnectionInUse(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	b.shell, _ = withKinds(t, b.shell)
	b.ok(t, "connection", "add", "ops", "--kind", "example", "--secret", "token=env:TOKEN")
	_, err := b.Store.Deliveries.NoteEvidence(enginetest.Context(t), "ops", deliverystore.Evidence{Gone: true, Reason: "it answered 410 Gone"}, deliverystore.CircuitRule{})
	require.NoError(t, err)
	require.Regexp(t, `(?m)^Health +paused by sluice: it answered 410 Gone`, b.ok(t, "connection", "show", "ops"))
	b.ok(t, "connection", "rotate", "ops")
	require.Contains(t, b.ok(t, "connection", "show", "ops"), "410 Gone", "other keys are no other endpoint")
	b.ok(t, "connection", "add", "ops", "--kind", "example", "--secret", "token=env:TOKEN", "--replace", "--set", "page_size:=7")
	require.NotContains(t, b.ok(t, "connection", "show", "ops"), "410 Gone")
	b.ok(t, "job", "edit", b.hook, "--data", `{"connection": "ops"}`)
	b.fails(t, "connection ops: 1 job of webhook/post to be delivered: in use: wait until its users have ended, "+
		"change them to another connection, or remove it with --force", "connection", "remove", "ops")
	require.Equal(t, "removed connection ops\n", b.ok(t, "connection", "remove", "ops", "--force"))
}
