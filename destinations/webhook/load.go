package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// parallel is how many requests one load has under way.
const parallel = 8

// patience is how many requests in a row an endpoint may leave unanswered before a load
// gives up on it.
const patience = 3

// Load posts the jobs, several at a time, those of one endpoint in about the order in which
// they were made. An endpoint that asks for a pause or does not answer gets no more; the
// others do.
func (p *post) Load(
	ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	endpoints := &endpoints{opener: tk.Connections, byName: map[string]*endpoint{}}
	var group errgroup.Group
	group.SetLimit(parallel)
	for job := range q.Jobs() {
		group.Go(func() error {
			then := p.deliver(ctx, endpoints, job)
			then.Jobs = []string{job.ID}
			report(then)
			return nil
		})
	}
	_ = group.Wait() //nolint:errcheck // the functions return none
}

// deliver posts one job.
func (p *post) deliver(ctx context.Context, endpoints *endpoints, job destinations.QueuedJob) destinations.Then {
	m, err := parse(job.Data)
	if err != nil {
		return destinations.Then{Error: err, ForceDiscard: true}
	}
	end := endpoints.named(m.Connection)
	if then, closed := end.closed(ctx); closed {
		return then
	}
	connection, address, err := end.open(ctx)
	if err != nil {
		return destinations.Then{Error: err}
	}
	then := p.send(ctx, connection, address, job, m)
	end.note(then)
	return then
}

// send posts the event of a job.
func (p *post) send(
	ctx context.Context, c connections.Connection, address string, job destinations.QueuedJob, m Message,
) destinations.Then {
	body, err := json.Marshal(envelope{Type: m.Type, Timestamp: moment(job), Data: m.Data})
	if err != nil {
		return destinations.Then{Error: fmt.Errorf("encode the event: %w", err), ForceDiscard: true}
	}
	answered, err := p.post(ctx, address, c.Secrets, job.ID, body)
	if err != nil {
		return destinations.Then{Error: err}
	}
	return report(answered)
}

// envelope is what is sent, in the form that the specification recommends.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// moment is when it happened, the same at every attempt.
func moment(job destinations.QueuedJob) time.Time {
	if job.SentAt.IsZero() {
		return job.CreatedAt.UTC()
	}
	return job.SentAt.UTC()
}

// report turns an answer into what is reported about the job: destinations.JudgeAnswer has the
// table. An answer that refuses the event or redirects carries no wait.
func report(a answer) destinations.Then {
	code := a.status
	if code/100 == 2 {
		return destinations.Then{}
	}
	err := fmt.Errorf("the endpoint answered %s", outbound.Describe(code))
	if code/100 == 3 {
		err = fmt.Errorf("%w: redirects are not followed", err)
	}
	var then destinations.Then
	then.ForceDiscard, then.Error = destinations.JudgeAnswer(code, err)
	if !then.ForceDiscard && code/100 != 3 && code != http.StatusGone {
		then.RetryAfter = outbound.RetryAfter(a.retryAfter, time.Now())
	}
	return then
}

// endpoints are the endpoints of one load.
type endpoints struct {
	opener connections.Opener
	mu     sync.Mutex
	byName map[string]*endpoint
}

// named returns an endpoint.
func (e *endpoints) named(name string) *endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byName[name] == nil {
		e.byName[name] = &endpoint{opener: e.opener, name: name}
	}
	return e.byName[name]
}

// endpoint is an endpoint, and what a load has been through with it.
type endpoint struct {
	opener connections.Opener
	name   string

	opening    sync.Once
	connection connections.Connection
	address    string
	openErr    error

	mu       sync.Mutex
	silences int
	// pause is the requested delay, with the error for the jobs that wait.
	pause    time.Duration
	pauseErr error
}

// open opens the connection, once a load.
func (e *endpoint) open(ctx context.Context) (connections.Connection, string, error) {
	e.opening.Do(func() {
		if e.connection, e.openErr = e.opener.Open(ctx, e.name); e.openErr != nil {
			e.openErr = fmt.Errorf("open the webhook %s: %w", e.name, e.openErr)
			return
		}
		e.address, e.openErr = endpointOf(e.connection)
		e.openErr = destinations.WithClass(destinations.ErrorClassOperator, e.openErr)
	})
	return e.connection, e.address, e.openErr
}

// closed says whether nothing more is to be sent, and what is reported about a job then.
func (e *endpoint) closed(ctx context.Context) (then destinations.Then, closed bool) {
	if err := ctx.Err(); err != nil {
		return destinations.Then{Untried: true, Error: errors.New("the load was stopped before the job's turn")}, true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pauseErr != nil {
		return destinations.Then{Untried: true, Error: e.pauseErr, RetryAfter: e.pause}, true
	}
	return destinations.Then{}, false
}

// note learns from how a job went.
func (e *endpoint) note(then destinations.Then) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var silent unanswered
	switch {
	case then.RetryAfter > 0:
		e.pause, e.pauseErr = max(e.pause, then.RetryAfter), fmt.Errorf("the endpoint wants a pause: %w", then.Error)
	case errors.As(then.Error, &silent):
		e.silences++
		if e.silences >= patience {
			e.pauseErr = fmt.Errorf("the endpoint does not answer: %w", then.Error)
		}
	default:
		e.silences = 0
	}
}
