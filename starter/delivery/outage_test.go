package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations"
	dlog "github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// warnings keeps the messages of a log.
type warnings struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps a line.
func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// outages are outages of the servers of a client of deliveries.
type outages struct {
	*enginetest.System
	ctx      context.Context
	store    *enginetest.StoreOutage
	temporal *enginetest.TemporalOutage
}

// meet calls operations during outages that begin at each of their requests. Either the error says which
// server has failed, or the operation was done and a warning says what is late.
func (o outages) meet(t *testing.T, operations map[string]func(c *deliveryclient.Client) error) {
	t.Helper()
	for name, call := range operations {
		for n := range o.store.Requests(t) {
			var log warnings
			err := call(o.client(t, deliveryclient.Config{Store: o.store.Open(t), Temporal: o.Temporal}, &log))
			switch {
			case !o.store.Met():
				require.NoError(t, err, name)
			case err == nil:
				require.Contains(t, log.String(), "could not notify producers", "%s, outage at statement %d", name, n)
			default:
				var away *pgconn.PgError
				require.ErrorAs(t, err, &away, "%s, outage at statement %d", name, n)
			}
		}
		for n := range o.temporal.Requests(t) {
			var log warnings
			err := call(o.client(t, deliveryclient.Config{Store: o.Store, Temporal: o.temporal.Dial(t)}, &log))
			if !o.temporal.Met() {
				require.NoError(t, err, name)
				continue
			}
			var denied *serviceerror.PermissionDenied
			require.ErrorAs(t, err, &denied, "%s, outage at request %d", name, n)
		}
	}
}

func (outages) client(t *testing.T, cfg deliveryclient.Config, log *warnings) *deliveryclient.Client {
	t.Helper()
	cfg.Registry = destinations.NewRegistry(webhook.New(outbound.Loopback()))
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	c, err := deliveryclient.New(cfg)
	require.NoError(t, err)
	return c
}

var (
	ann = call.By{Who: "ann", Why: "a test"}
	all = deliveryacts.ActionRef{Destination: "webhook"}
)

func setupOutages(t *testing.T) (*fixture, outages) {
	t.Helper()
	h, s := setupPosting(t)
	return h, outages{s, h.ctx, enginetest.NewStoreOutage(t, s.Settings.Store.DSN), s.NewTemporalOutage(t)}
}

func TestOutages(t *testing.T) {
	t.Parallel()
	h, o := setupOutages(t)
	_, err := h.store.Deliveries.ApplyFlows(h.ctx, deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{{
		Name: "good", Spec: json.RawMessage(`{"name": "good", "to": [{"destination": "webhook", "action": "post"}]}`),
	}}})
	require.NoError(t, err)
	o.meet(t, map[string]func(c *deliveryclient.Client) error{
		"add an event": func(c *deliveryclient.Client) error {
			_, err := c.AddEvent(o.ctx, order("one", "x"))
			return err
		},
		"add events": func(c *deliveryclient.Client) error {
			results, err := c.AddEvents(o.ctx, []deliveryclient.EventRequest{order("two", "x"), order("three", "x")})
			if err != nil {
				return err
			}
			return results[1].Err
		},
		"replay a flow": func(c *deliveryclient.Client) error {
			_, err := c.ReplayFlow(o.ctx, "good")
			return err
		},
		"refresh":    func(c *deliveryclient.Client) error { return c.Refresh(o.ctx) },
		"pause all":  func(c *deliveryclient.Client) error { return c.Pause(o.ctx, all, ann) },
		"resume all": func(c *deliveryclient.Client) error { return c.Resume(o.ctx, all, ann) },
		"wake":       func(c *deliveryclient.Client) error { return c.Wake(o.ctx, []deliveryacts.ActionRef{post}) },
		"recover": func(c *deliveryclient.Client) error {
			_, _, err := c.Recover(o.ctx, post)
			return err
		},
		"start": func(c *deliveryclient.Client) error { return c.Start(o.ctx, webhook.New(outbound.Loopback())) },
	})
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 6, jobs, "each event once, for its sender and for the flow")
}

// Events that a faulty flow has kept are replayed once, wherever a replay is interrupted.
func TestOutagesOfReplays(t *testing.T) {
	t.Parallel()
	h, o := setupOutages(t)
	put := func(spec string) {
		t.Helper()
		_, err := h.store.Deliveries.ApplyFlows(h.ctx, deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{{Name: "a", Spec: json.RawMessage(spec)}}})
		require.NoError(t, err)
	}
	put(`{"name": "a", "when": "data.missing > 1", "to": [{"destination": "webhook", "action": "post"}]}`)
	r := order("", "x")
	r.To = nil
	for range 2 {
		_, err := h.AddEvent(h.ctx, r)
		require.NoError(t, err)
	}
	replay := map[string]func(c *deliveryclient.Client) error{"replay": func(c *deliveryclient.Client) error {
		_, err := c.ReplayFlow(o.ctx, "a")
		return err
	}}
	o.meet(t, replay)
	put(`{"name": "a", "to": [{"destination": "webhook", "action": "post"}]}`)
	o.meet(t, replay)
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 2, jobs)
}

// Rows of imports become events once, wherever a call is interrupted.
func TestOutagesOfImportEvents(t *testing.T) {
	t.Parallel()
	h, o := setupOutages(t)
	h.apply(t, `flows:
  - name: rows
    from: {import: csv, records: true}
    to: [{destination: webhook, action: post, data: {connection: '"ops"', type: '"row"', data: {n: data.row.visitors}}}]
`)
	o.meet(t, map[string]func(c *deliveryclient.Client) error{"add": func(c *deliveryclient.Client) error {
		_, err := c.AddImportEvents(o.ctx, rows(t, 3))
		return err
	}})
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 3, jobs)
}

// Commands reach the workflow of an action, which answers queries; each survives outages.
func TestCommandsOfActions(t *testing.T) {
	t.Parallel()
	h, o := setupOutages(t)
	o.Tune = func(cfg *worker.Config) {
		cfg.Destinations = destinations.NewRegistry(webhook.New(outbound.Loopback()))
	}
	o.StartWorker(t)
	require.NoError(t, h.Trigger(h.ctx, post, ann), "the workflow runs")
	hourly, no := "@hourly", false
	o.meet(t, map[string]func(c *deliveryclient.Client) error{
		"trigger": func(c *deliveryclient.Client) error { return c.Trigger(o.ctx, post, ann) },
		"set schedule": func(c *deliveryclient.Client) error {
			return c.SetSchedule(o.ctx, post, deliveryclient.NewTiming{Interval: &hourly, Realtime: &no}, ann)
		},
		"set rate":        func(c *deliveryclient.Client) error { return c.SetRate(o.ctx, post, 2.5, ann) },
		"set concurrency": func(c *deliveryclient.Client) error { return c.SetConcurrency(o.ctx, post, 2, ann) },
		"state": func(c *deliveryclient.Client) error {
			_, err := c.State(o.ctx, post)
			return err
		},
		"backlog": func(c *deliveryclient.Client) error {
			_, err := c.Backlog(o.ctx, post)
			return err
		},
		"workflow": func(c *deliveryclient.Client) error {
			_, err := c.Workflow(o.ctx, post)
			return err
		},
	})
	// A paused action refuses the others.
	o.meet(t, map[string]func(c *deliveryclient.Client) error{
		"pause": func(c *deliveryclient.Client) error { return c.Pause(o.ctx, post, ann) },
	})
	state, err := h.State(h.ctx, post)
	require.NoError(t, err)
	require.True(t, state.Plan.Paused)
	require.NoError(t, h.Resume(h.ctx, post, ann))
	bad := "@evry 1h"
	for name, err := range map[string]error{
		"schedule":    h.SetSchedule(h.ctx, post, deliveryclient.NewTiming{Interval: &bad}, ann),
		"rate":        h.SetRate(h.ctx, post, -1, ann),
		"concurrency": h.SetConcurrency(h.ctx, post, -1, ann),
	} {
		require.ErrorIs(t, err, call.ErrRefused, name)
	}
	require.NoError(t, h.Pause(h.ctx, all, ann))
	err = h.Resume(h.ctx, post, ann)
	require.ErrorIs(t, err, call.ErrRefused, "the destination is paused as a whole")
	require.NoError(t, h.Resume(h.ctx, all, ann))
	settings, err := h.store.Deliveries.Settings(h.ctx, "webhook")
	require.NoError(t, err)
	require.Equal(t, "@hourly", *settings["post"].Interval)
	require.InDelta(t, 2.5, *settings["post"].Rate, 0)
	require.EqualValues(t, 2, *settings["post"].Concurrency)
	closed := o.Temporal.TerminateWorkflow(h.ctx, "destination/webhook/post", "", "lost")
	require.NoError(t, closed)
	standing, err := h.Workflow(h.ctx, post)
	require.NoError(t, err)
	require.False(t, standing.Running)
	require.NotNil(t, standing.ClosedAt)
	require.NoError(t, h.Trigger(h.ctx, post, ann), "the command starts the workflow again")
}

// What reads and changes the store fails as a whole with the server's error.
func TestOutagesOfStore(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	event, ids := s.inEachState(t, "crm")
	const text = "flows:\n  - name: a\n    when: data.missing > 1\n    to: [{destination: log, action: write}]\n"
	_, err := s.flows(t).Apply(s.ctx, parsed(t, s.flows(t), text), deliveryclient.ApplyOptions{})
	require.NoError(t, err)
	_, err = s.client(t, dlog.New()).AddEvent(s.ctx, deliveryclient.EventRequest{Source: "shop"})
	require.NoError(t, err)
	one := func(state string) deliveryclient.Selection {
		return deliveryclient.Selection{IDs: []string{ids[state]}}
	}
	bounded := deliveryclient.Selection{Filter: &deliverystore.JobFilter{Destinations: []string{"none"}}, Most: 1}
	edited := json.RawMessage(`{"no": 2}`)
	o := enginetest.NewStoreOutage(t, s.sql.Config().ConnString())
	for name, operation := range map[string]func(s *stored) error{
		"list jobs": func(s *stored) error {
			return second(s.jobs().List(s.ctx, deliverystore.JobFilter{}, deliverystore.Page{}))
		},
		"show a job": func(s *stored) error { return second(s.jobs().Show(s.ctx, ids["failed"])) },
		"stats":      func(s *stored) error { return second(s.jobs().Stats(s.ctx, deliverystore.JobFilter{})) },
		"by state":   func(s *stored) error { return second(s.jobs().StatsByState(s.ctx, deliverystore.JobFilter{}, 5)) },
		"by hour":    func(s *stored) error { return second(s.jobs().StatsByHour(s.ctx, deliverystore.JobFilter{})) },
		"edit":       func(s *stored) error { return s.jobs().Edit(s.ctx, ids["held"], nil, edited, ann) },
		"retry": func(s *stored) error {
			discarded := deliveryclient.Selection{Filter: &deliverystore.JobFilter{States: []string{"discarded"}}}
			return second(s.jobs().Change(s.ctx, deliverystore.CommandRetry, discarded, ann))
		},
		"hold": func(s *stored) error {
			err := second(s.jobs().Change(s.ctx, deliverystore.CommandHold, one("executing"), ann))
			return ignore(err, call.ErrRefused)
		},
		"cancel": func(s *stored) error {
			return second(s.jobs().Change(s.ctx, deliverystore.CommandCancel, bounded, ann))
		},
		"replay":     func(s *stored) error { return second(s.jobs().Replay(s.ctx, one("succeeded"), ann)) },
		"replay few": func(s *stored) error { return second(s.jobs().Replay(s.ctx, bounded, ann)) },
		"list events": func(s *stored) error {
			return second(s.events().List(s.ctx, deliverystore.EventFilter{}, deliverystore.Page{}))
		},
		"show an event": func(s *stored) error { return second(s.events().Show(s.ctx, event)) },
		"purge": func(s *stored) error {
			return second(s.events().Purge(s.ctx, deliverystore.Retention{ReceivedBefore: time.Unix(1, 0)}, false))
		},
		"list flows":  func(s *stored) error { return second(s.flows(t).List(s.ctx, deliveryclient.FlowFilter{})) },
		"show a flow": func(s *stored) error { return second(s.flows(t).Show(s.ctx, "a")) },
		"diff flows": func(s *stored) error {
			return second(s.flows(t).Diff(s.ctx, parsed(t, s.flows(t), text), false))
		},
		"apply flows": func(s *stored) error {
			return second(s.flows(t).Apply(s.ctx, parsed(t, s.flows(t), text), deliveryclient.ApplyOptions{}))
		},
		"list destinations": func(s *stored) error {
			return second(s.destinations(away, crm{}).List(s.ctx, deliveryclient.DestinationFilter{}))
		},
		"show a destination": func(s *stored) error {
			return second(s.destinations(away).Show(s.ctx, "crm"))
		},
		"an unknown action": func(s *stored) error {
			err := s.client(t).Trigger(s.ctx, deliveryacts.ActionRef{Destination: "crm", Action: "audit"}, ann)
			return ignore(err, store.ErrNotFound)
		},
	} {
		met := func() error { return operation(&stored{Store: o.Open(t), ctx: s.ctx}) }
		o.Meet(t, met, func(n int, err error) {
			var away *pgconn.PgError
			require.ErrorAs(t, err, &away, "%s, outage at statement %d", name, n)
		})
	}
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }

// ignore returns an error unless it is the one that is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// The schedule of retention is applied in spite of outages.
func TestOutagesOfRetention(t *testing.T) {
	t.Parallel()
	_, o := setupOutages(t)
	for _, rule := range []config.Retention{keep(720*time.Hour, "0 3 * * *"), keep(48*time.Hour, "@hourly"), keep(0, "@daily")} {
		for n := range o.temporal.Requests(t) {
			err := deliveryclient.ApplyRetention(o.ctx, o.temporal.Dial(t), rule)
			require.Equal(t, o.temporal.Met(), err != nil, "outage at request %d: %v", n, err)
		}
		for n := range o.temporal.Requests(t) {
			err := deliveryclient.RestoreRetention(o.ctx, o.temporal.Dial(t), rule)
			require.Equal(t, o.temporal.Met(), err != nil, "outage at request %d: %v", n, err)
		}
	}
}

// What is missing from a configuration is named.
func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := deliveryclient.New(deliveryclient.Config{AnswerTimeout: -time.Second})
	require.EqualError(t, err, "destinations: want a Temporal client, a store and a registry\n"+
		"destinations: the answer timeout is -1s: want 0 or more")
}
