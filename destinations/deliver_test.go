package destinations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// delivery is one of claimed jobs by an action that loads them like this.
func delivery(
	t *testing.T, q *destinations.Queue, load func(context.Context, *destinations.Queue, func(destinations.Then)),
) (destinations.Delivery, *bytes.Buffer) {
	t.Helper()
	d := destination("crm", "upsert", "tag")
	own, ok := d.actions[0].(*action)
	require.True(t, ok)
	own.load = load
	var log bytes.Buffer
	return destinations.Delivery{
		Destination: d, Action: own, Queue: q, Plan: must[destinations.Plan](t)(destinations.PlanOf(d, own, nil)),
		Toolkit:  &destinations.Toolkit{Logger: slog.New(slog.NewTextHandler(&log, nil))},
		Versions: &destinations.Versions{},
	}, &log
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	dl, log := delivery(t, queue(5, 1), func(_ context.Context, _ *destinations.Queue, report func(destinations.Then)) {
		report(destinations.Then{Jobs: []string{"a"}, OnSucceeded: []destinations.Next{
			{Action: "tag", Data: json.RawMessage(`{"tag": "new"}`)}, {Action: "tag"}, {Action: "nope"},
		}})
		report(destinations.Then{Jobs: []string{"b"}, Error: errNo, RetryAfter: 2 * time.Hour})
		report(destinations.Then{Jobs: []string{"c"}, Error: errNo, ForceDiscard: true})
		report(destinations.Then{Jobs: []string{"d"}, Error: errNo, Untried: true, RetryAfter: time.Second})
	})
	done := dl.Run(t.Context())
	require.Equal(t, 4, done.Tried)
	require.Empty(t, done.Unhealthy)
	require.Equal(t, 1, done.Outcome.Delivered())
	byID := map[string]destinations.JobOutcome{}
	for _, o := range done.Outcomes {
		for i := range o.Chained {
			require.NotEmpty(t, o.Chained[i].ID)
			o.Chained[i].ID = ""
		}
		byID[o.JobID] = o
	}
	require.Equal(t, destinations.JobOutcome{JobID: "a", State: destinations.StateSucceeded, Chained: []destinations.NewJob{
		{Destination: "crm", Action: "tag", Data: json.RawMessage(`{"tag": "new"}`)},
		{Destination: "crm", Action: "tag", Data: json.RawMessage(`{"no": 0}`)},
	}}, byID["a"])
	require.Equal(t, destinations.JobOutcome{
		JobID: "b", State: destinations.StateFailed, Error: "no", RetryAfter: 2 * time.Hour,
	}, byID["b"])
	require.Equal(t, destinations.StateDiscarded, byID["c"].State)
	require.Equal(t, time.Second, byID["d"].RetryAfter)
	require.Equal(t, destinations.StateUnknown, byID["e"].State)
	require.Negative(t, byID["e"].RetryAfter, "it is left to a person")
	require.Contains(t, byID["e"].Error, "without a word")
	require.Contains(t, log.String(), `crm: unknown action \"nope\"`)
}

func TestDeliveryOfUnknown(t *testing.T) {
	t.Parallel()
	for attempt, again := range map[int]bool{1: true, 72: true, 73: false} {
		dl, _ := delivery(t, queue(1, attempt), func(context.Context, *destinations.Queue, func(destinations.Then)) {})
		dl.Plan.RedriveUnknown = true
		done := dl.Run(t.Context())
		require.Equal(t, destinations.StateUnknown, done.Outcomes[0].State)
		require.Equal(t, again, done.Outcomes[0].RetryAfter > 0, attempt)
		require.NotEmpty(t, done.Unhealthy)
	}
}

// A panic keeps the reports before it, and its value is not shown.
func TestDeliveryThatPanics(t *testing.T) {
	t.Parallel()
	dl, log := delivery(t, queue(2, 1), func(_ context.Context, _ *destinations.Queue, report func(destinations.Then)) {
		report(destinations.Then{Jobs: []string{"a"}})
		panic("hunter2")
	})
	done := dl.Run(t.Context())
	require.Equal(t, destinations.StateSucceeded, done.Outcomes[0].State)
	require.Equal(t, destinations.StateUnknown, done.Outcomes[1].State)
	require.Contains(t, done.Outcomes[1].Error, "the destination has panicked (string)")
	require.NotContains(t, done.Outcomes[1].Error+log.String(), "hunter2")
	require.Equal(t, 1, strings.Count(log.String(), "has made a mistake"))
}

// A load is cancelled when its time is up, and reports from several goroutines count.
func TestDeliveryInTime(t *testing.T) {
	t.Parallel()
	dl, _ := delivery(t, queue(3, 1), func(ctx context.Context, q *destinations.Queue, report func(destinations.Then)) {
		<-ctx.Done()
		var all sync.WaitGroup
		for job := range q.Jobs() {
			all.Go(func() { report(destinations.Then{Jobs: []string{job.ID}, Error: ctx.Err()}) })
		}
		all.Wait()
	})
	dl.Plan.Timeout = 10 * time.Millisecond
	done := dl.Run(t.Context())
	for _, o := range done.Outcomes {
		require.Equal(t, destinations.StateFailed, o.State)
	}
	require.Equal(t, context.DeadlineExceeded.Error(), done.Unhealthy)
}

// Reports after the end are lost without effect.
func TestReportTooLate(t *testing.T) {
	t.Parallel()
	var kept func(destinations.Then)
	dl, _ := delivery(t, queue(1, 1), func(_ context.Context, _ *destinations.Queue, report func(destinations.Then)) { kept = report })
	done := dl.Run(t.Context())
	kept(destinations.Then{})
	require.Equal(t, destinations.StateUnknown, done.Outcomes[0].State)
}

func TestMakeJob(t *testing.T) {
	t.Parallel()
	d := destination("crm", "upsert")
	d.options = destinations.Options{DefaultVersion: "v1", Versions: map[string]time.Time{"v1": {}, "v2": {}}}
	event := destinations.Event{ID: "e", Context: json.RawMessage(`{"c": 1}`), Data: json.RawMessage(`{"d": 1}`)}
	for name, test := range map[string]struct {
		marshal func(tk *destinations.Toolkit, e destinations.Event) (*destinations.Job, error)
		version string
		want    destinations.NewJob
		made    bool
		err     string
	}{
		"as it is": {
			want: destinations.NewJob{Destination: "crm", Action: "upsert", Version: "v1", Context: event.Context, Data: event.Data}, made: true,
		},
		"own": {
			marshal: func(tk *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
				return &destinations.Job{Version: "v1", Context: json.RawMessage(`{}`), Data: json.RawMessage(`"` + tk.EventID + e.Version + `"`)}, nil
			},
			version: "v2",
			want:    destinations.NewJob{Destination: "crm", Action: "upsert", Version: "v1", Context: json.RawMessage(`{}`), Data: json.RawMessage(`"ev2"`)}, made: true,
		},
		"nothing to do": {marshal: func(*destinations.Toolkit, destinations.Event) (*destinations.Job, error) {
			return nil, nil //nolint:nilnil // that is how it is said
		}},
		"an error": {
			marshal: func(*destinations.Toolkit, destinations.Event) (*destinations.Job, error) { return nil, errNo },
			err:     "marshal for crm/upsert: no",
		},
		"a panic": {
			marshal: func(*destinations.Toolkit, destinations.Event) (*destinations.Job, error) { panic("x") },
			err:     "marshal for crm/upsert: the destination has panicked (string)",
		},
		"no such version": {version: "v0", err: `crm: version "v0"`},
		"no version of its own": {
			marshal: func(*destinations.Toolkit, destinations.Event) (*destinations.Job, error) {
				return &destinations.Job{Version: "v9"}, nil
			},
			err: `crm: version "v9"`,
		},
		"no JSON": {
			marshal: func(*destinations.Toolkit, destinations.Event) (*destinations.Job, error) {
				return &destinations.Job{Data: json.RawMessage("x")}, nil
			},
			err: "job of crm/upsert: not JSON that can be stored",
		},
		"too large": {
			marshal: func(*destinations.Toolkit, destinations.Event) (*destinations.Job, error) {
				return &destinations.Job{Data: json.RawMessage(`"` + strings.Repeat("x", destinations.MaxPayload) + `"`)}, nil
			},
			err: "the job is too large: it has 1048586 bytes, and may have 1048576",
		},
	} {
		e := event
		e.Version = test.version
		got, made, err := destinations.MakeJob(t.Context(), nil, &destinations.Versions{}, d, &action{name: "upsert", marshal: test.marshal}, e)
		if test.err != "" {
			require.ErrorContains(t, err, test.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, test.made, made, name)
		require.Equal(t, made, got.ID != "", name)
		got.ID = ""
		require.Equal(t, test.want, got, name)
	}
}
