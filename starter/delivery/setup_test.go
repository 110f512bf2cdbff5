package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/destinations"
	dlog "github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// fixture is a client without a worker.
type fixture struct {
	*deliveryclient.Client
	ctx   context.Context
	store *dispatchstore.Store
}

// setup returns a client of that destination, and its system.
func setup(t *testing.T, destination destinations.Destination) (*fixture, *enginetest.System) {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, "example.com")
	client, err := deliveryclient.New(deliveryclient.Config{
		Temporal: s.Temporal, Store: s.Store, Registry: destinations.NewRegistry(destination),
	})
	require.NoError(t, err)
	return &fixture{Client: client, ctx: enginetest.Context(t), store: s.Store}, s
}

// setupPosting returns a client whose only destination delivers in realtime.
func setupPosting(t *testing.T) (*fixture, *enginetest.System) {
	t.Helper()
	return setup(t, webhook.New(outbound.Loopback()))
}

// setupLog returns a client whose only destination is the log.
func setupLog(t *testing.T) *fixture {
	t.Helper()
	h, _ := setup(t, dlog.New())
	return h
}

// stored is a store without Temporal, and a plain connection to its database.
type stored struct {
	*dispatchstore.Store
	ctx context.Context
	sql *pgx.Conn
}

func setupStore(t *testing.T) *stored {
	t.Helper()
	s, sql := enginetest.OpenStore(t)
	return &stored{Store: dispatchstore.New(s, nil), ctx: enginetest.Context(t), sql: sql}
}

// exec runs a statement on the database behind the store's back.
func (s *stored) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := s.sql.Exec(s.ctx, statement, args...)
	require.NoError(t, err)
}

func (s *stored) jobs() deliveryclient.Jobs     { return deliveryclient.Jobs{Store: s.Store} }
func (s *stored) events() deliveryclient.Events { return deliveryclient.Events{Store: s.Store} }

// destinations returns the destinations of a program.
func (s *stored) destinations(
	c func(context.Context) (*deliveryclient.Client, error), all ...destinations.Destination,
) deliveryclient.Destinations {
	return deliveryclient.Destinations{Store: s.Store, Registry: destinations.NewRegistry(all...), Client: c}
}

// client returns a client whose Temporal server does not answer.
func (s *stored) client(t *testing.T, all ...destinations.Destination) *deliveryclient.Client {
	t.Helper()
	away, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	c, err := deliveryclient.New(deliveryclient.Config{
		Temporal: away, Store: s.Store, Registry: destinations.NewRegistry(all...),
	})
	require.NoError(t, err)
	return c
}

// asAnn returns a context in which ann acts on the command line.
func (s *stored) asAnn() context.Context {
	return access.WithActor(access.With(s.ctx, access.CLI("ann")), access.Actor{Door: access.DoorCLI})
}

// lastAudit returns the newest entry of the audit.
func (s *stored) lastAudit(t *testing.T) accessstore.Entry {
	t.Helper()
	entries, err := accessstore.New(s.Store.Store).Audit(s.ctx, accessstore.AuditFilter{}, accessstore.Page{Limit: 1})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	return entries[0]
}

// heartbeat adds a live worker that has a destination with actions.
func (s *stored) heartbeat(t *testing.T, destination string, actions ...string) {
	t.Helper()
	require.NoError(t, s.Heartbeat(s.ctx, store.LiveWorker{
		ID: "worker-of-" + destination, Process: "1@x", Offers: store.Offers{Destinations: []store.OfferedDestination{
			{Name: destination, Label: "The " + destination, Actions: actions},
		}},
	}))
}

// broken is the error of jobs whose delivery has failed.
const broken = "the endpoint answered 503"

// inEachState adds an event with a job in each state, of the action of that name, and returns the jobs' IDs by state.
func (s *stored) inEachState(t *testing.T, destination string) (event string, jobs map[string]string) {
	t.Helper()
	n := deliverystore.NewEvent{Source: "shop", Name: "order.paid", Version: "v1", Data: json.RawMessage(`{"id": 7}`)}
	for _, state := range deliverystore.JobStates() {
		n.Jobs = append(n.Jobs, deliverystore.NewJob{
			Destination: destination, Action: state, Version: "v2", Data: json.RawMessage(`{"no": 1}`),
		})
	}
	added, err := s.Deliveries.AddEvent(s.ctx, n)
	require.NoError(t, err)
	jobs = map[string]string{}
	for i, state := range deliverystore.JobStates() {
		jobs[state] = added.Jobs[i]
	}
	var due []deliverystore.ClaimRequest
	for _, action := range []string{
		deliverystore.JobAwaiting, deliverystore.JobExecuting, deliverystore.JobSucceeded, deliverystore.JobFailed,
		deliverystore.JobDiscarded, deliverystore.JobUnknown,
	} {
		due = append(due, deliverystore.ClaimRequest{
			Destination: destination, Action: action, Limit: 1, Lease: time.Hour, MaxRetries: 3, Concurrency: 10,
		})
	}
	claim, err := s.Deliveries.ClaimDue(s.ctx, due...)
	require.NoError(t, err)
	require.Len(t, claim.Jobs, len(due))
	var outcomes []deliverystore.JobOutcome
	for _, job := range claim.Jobs {
		o := deliverystore.JobOutcome{JobID: job.ID, FencingToken: job.FencingToken, State: job.Action, Error: broken}
		switch job.Action {
		case deliverystore.JobExecuting:
			continue
		case deliverystore.JobSucceeded:
			o.Error = ""
		case deliverystore.JobFailed:
			o.RetryAfter = time.Hour
		case deliverystore.JobUnknown:
			o.RetryAfter = -1
		}
		outcomes = append(outcomes, o)
	}
	recorded, err := s.Deliveries.RecordOutcomes(s.ctx, outcomes)
	require.NoError(t, err)
	require.Len(t, recorded.Recorded, len(outcomes))
	for state, command := range map[string]deliverystore.JobCommand{
		deliverystore.JobCancelled: deliverystore.CommandCancel, deliverystore.JobHeld: deliverystore.CommandHold,
	} {
		own := deliverystore.JobFilter{IDs: []string{jobs[state]}}
		n, err := s.Deliveries.ChangeJobs(s.ctx, command, own, 0, deliverystore.Order{By: ann.Who, Reason: ann.Why})
		require.NoError(t, err)
		require.EqualValues(t, 1, n, state)
	}
	return added.Event.ID, jobs
}

// crm is a destination with versions and two actions: audit has the destination's schedule, upsert one of its own.
type crm struct{}

func (crm) Name() string  { return "crm" }
func (crm) Label() string { return "CRM" }

// deprecated is when version v1 of the crm was.
var deprecated = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func (crm) Options() destinations.Options {
	return destinations.Options{
		Versions: map[string]time.Time{"v1": deprecated, "v2": {}}, DefaultVersion: "v2",
		DefaultSchedule: &destinations.Schedule{Interval: "@every 2h"},
		Concurrency:     3, RatePerSecond: 2.5, BatchSize: 7, Timeout: 30 * time.Second, RedriveUnknown: true,
	}
}

func (crm) Actions() []destinations.Action {
	return []destinations.Action{crmAction{name: "audit"}, crmAction{name: "upsert", schedule: &destinations.Schedule{
		Realtime: true, Interval: "0 3 * * *", TimeZone: "Europe/Berlin", MaxRetries: destinations.Retries(4),
		InitialBackoff: 5 * time.Second, MaxBackoff: time.Minute,
	}}}
}

type crmAction struct {
	name     string
	schedule *destinations.Schedule
}

func (a crmAction) Name() string                     { return a.name }
func (a crmAction) Schedule() *destinations.Schedule { return a.schedule }

// Marshal has nothing to do with events of the name noise.
func (crmAction) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	if e.Name == "noise" {
		return nil, nil //nolint:nilnil // the contract of destinations
	}
	return &destinations.Job{Data: e.Data}, nil
}

func (crmAction) Load(context.Context, *destinations.Toolkit, *destinations.Queue, func(destinations.Then)) {
}

// moveBack makes an event older than it is.
func moveBack(ctx context.Context, t *testing.T, s *enginetest.System, event string, age time.Duration) {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.Settings.Store.DSN)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "UPDATE events SET received_at = now() - $2::interval WHERE id = $1", event, age)
	require.NoError(t, errors.Join(err, conn.Close(ctx)))
}
