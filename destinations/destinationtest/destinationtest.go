// Package destinationtest is the conformance suite of destinations: what every one of them
// owes to its workflow, whatever it leads to, also when the other side misbehaves. A
// destination's tests call it once for each action:
//
//	func TestConformance(t *testing.T) {
//		t.Parallel()
//		destinationtest.Run(t, destinationtest.Config{
//			New: func(tb testing.TB) destinationtest.Subject { ... },
//			Faults: map[destinationtest.Fault]func(tb testing.TB) destinationtest.Subject{
//				destinationtest.FaultHanging: ...,
//			},
//			Inapplicable: map[destinationtest.Fault]string{
//				destinationtest.FaultThrottledFor: "the protocol has no such answer",
//			},
//			Secrets: []string{password},
//		})
//	}
package destinationtest

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
)

// Subject is a destination, with another side that it leads to.
type Subject struct {
	// Destination and Action are what is tested.
	Destination destinations.Destination
	Action      string
	// Events are at least four that Marshal makes jobs of, all different.
	Events []destinations.Event
	// Connections has the connections that the events name. Defaults to none; then the
	// destination is one that needs none.
	Connections connections.Opener
	// Delivered returns what the other side has, one entry for each time that it has it:
	// whatever text tells events apart. Nil if it cannot be asked.
	Delivered func(tb testing.TB) []string
	// Timeout bounds a load. Defaults to 10 s.
	Timeout time.Duration
}

// Config says what to test.
type Config struct {
	// New returns a destination whose other side is well and that nothing has used yet. It
	// is called once per check, and frees what it took in tb.Cleanup.
	New func(tb testing.TB) Subject
	// BadEvents are events that Marshal must refuse, at least one.
	BadEvents []destinations.Event
	// Faults are the ways in which the other side can misbehave: the same as New, with
	// another side that does.
	Faults map[Fault]func(tb testing.TB) Subject
	// Inapplicable are the ways in which it cannot, and why. Every Fault is in one of both.
	Inapplicable map[Fault]string
	// Repeats says that the other side does not recognise a job that comes twice.
	Repeats bool
	// Secrets are what the connections hold and must not be found anywhere.
	Secrets []string
}

// prompt is how soon a load must return once its context is done.
const prompt = 3 * time.Second

// Run runs all checks, each as a parallel subtest.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			check.run(t, cfg)
		})
	}
	for _, fault := range Faults() {
		t.Run("fault: "+string(fault), func(t *testing.T) {
			t.Parallel()
			checkFault(t, cfg, fault)
		})
	}
}

var checks = []struct {
	name string
	run  func(tb testing.TB, cfg Config)
}{
	{"what it says about itself", checkDeclared},
	{"marshalling", checkMarshal},
	{"bad events", checkBadEvents},
	{"loading", checkLoad},
	{"loading again", checkAgain},
	{"loading nothing", checkNothing},
	{"loading at once", checkAtOnce},
	{"a poisoned job", checkPoison},
	{"a connection that is missing", checkNoConnection},
	{"cancelling", checkCancel},
}

// bench is a subject with jobs made of its events.
type bench struct {
	Subject
	cfg    Config
	action destinations.Action
	jobs   []destinations.QueuedJob
	events map[string]destinations.Event
	log    *log
}

func setup(tb testing.TB, cfg Config, fresh func(tb testing.TB) Subject) *bench {
	tb.Helper()
	b := &bench{Subject: fresh(tb), cfg: cfg, log: &log{}}
	var err error
	b.action, err = destinations.ActionOf(b.Destination, b.Action)
	require.NoError(tb, err)
	require.GreaterOrEqual(tb, len(b.Events), 4, "events for the suite")
	b.Timeout = cmp.Or(b.Timeout, 10*time.Second)
	b.events = map[string]destinations.Event{}
	for i, event := range b.Events {
		event.ID = cmp.Or(event.ID, "event-"+strconv.Itoa(i))
		job, made := b.marshal(tb, event)
		require.True(tb, made, "event %d gives a job", i)
		b.events[event.ID] = event
		b.jobs = append(b.jobs, destinations.QueuedJob{
			ID: "job-" + strconv.Itoa(i), EventID: event.ID, Version: job.Version, Context: job.Context, Data: job.Data,
			Attempt: 1, CreatedAt: time.Date(2026, 2, 1, 12, 0, i, 0, time.UTC),
		})
	}
	tb.Cleanup(func() { b.keepsSecrets(tb, b.log.String()) })
	return b
}

// marshal makes a job of an event, with nothing to do I/O by.
func (b *bench) marshal(tb testing.TB, e destinations.Event) (destinations.NewJob, bool) {
	tb.Helper()
	job, made, err := b.tryMarshal(tb, e)
	require.NoError(tb, err, "Marshal")
	return job, made
}

func (b *bench) tryMarshal(tb testing.TB, e destinations.Event) (destinations.NewJob, bool, error) {
	tb.Helper()
	tk := &destinations.Toolkit{Logger: slog.New(slog.NewTextHandler(b.log, nil)), Connections: connections.None{}}
	job, made, err := destinations.MakeJob(tb.Context(), tk, &destinations.Versions{}, b.Destination, b.action, e)
	b.keepsSecrets(tb, string(job.Data)+string(job.Context))
	if err != nil {
		b.keepsSecrets(tb, err.Error())
	}
	return job, made, err
}

// deliver loads jobs and returns how it went.
func (b *bench) deliver(ctx context.Context, tb testing.TB, jobs ...destinations.QueuedJob) destinations.Delivered {
	tb.Helper()
	done, took, err := b.load(ctx, jobs...)
	require.NoError(tb, err)
	b.checkDelivered(tb, done, took, len(jobs))
	return done
}

// load loads jobs and returns how it went, and how long it took.
func (b *bench) load(
	ctx context.Context, jobs ...destinations.QueuedJob,
) (done destinations.Delivered, took time.Duration, err error) {
	plan, err := destinations.PlanOf(b.Destination, b.action, nil)
	if err != nil {
		return done, 0, err
	}
	plan.Timeout = b.Timeout
	opener := b.Connections
	if opener == nil {
		opener = connections.None{}
	}
	begun := time.Now()
	done = destinations.Delivery{
		Destination: b.Destination, Action: b.action, Plan: plan, Versions: &destinations.Versions{},
		Queue:   destinations.NewQueue(jobs, b.events),
		Toolkit: &destinations.Toolkit{Logger: slog.New(slog.NewTextHandler(b.log, nil)), Connections: opener},
	}.Run(ctx)
	return done, time.Since(begun), nil
}

// checkDelivered checks what holds for every delivery of a number of jobs.
func (b *bench) checkDelivered(tb testing.TB, done destinations.Delivered, took time.Duration, jobs int) {
	tb.Helper()
	require.Less(tb, took, b.Timeout+prompt, "Load heeds its context")
	require.Empty(tb, done.Outcome.Faults, "reports make sense")
	require.Len(tb, done.Outcome.Results, jobs)
	for _, r := range done.Outcome.Results {
		require.NotErrorIs(tb, r.Error, destinations.ErrUnreported, "every job is reported about")
		if r.Error != nil {
			b.keepsSecrets(tb, r.Error.Error())
			require.NotContains(tb, r.Error.Error(), "\n", "errors are one line")
		}
	}
}

// succeeds loads all jobs and wants all of them to be delivered.
func (b *bench) succeeds(tb testing.TB) {
	tb.Helper()
	done := b.deliver(tb.Context(), tb, b.jobs...)
	for _, r := range done.Outcome.Results {
		require.NoError(tb, r.Error)
		require.Equal(tb, destinations.StateSucceeded, r.State)
	}
}

// repeated returns jobs as they are when they come once more.
func repeated(jobs []destinations.QueuedJob) []destinations.QueuedJob {
	jobs = slices.Clone(jobs)
	for i := range jobs {
		jobs[i].Attempt++
		jobs[i].Repeated = true
	}
	return jobs
}

// keepsSecrets fails the test if a text holds a secret, without repeating it.
func (b *bench) keepsSecrets(tb testing.TB, text string) {
	tb.Helper()
	for _, secret := range b.cfg.Secrets {
		if strings.Contains(text, secret) {
			tb.Errorf("a secret is disclosed: %q", strings.ReplaceAll(text, secret, "[secret]"))
		}
	}
}

// log keeps what is logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps a line.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all lines.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
