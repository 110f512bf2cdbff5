// Package smtp is the destination "smtp": it sends jobs as mails, each to one recipient.
package smtp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Mail is the data of an event and of a job.
type Mail struct {
	// Connection is the name of the mail server's connection. Required.
	Connection string `json:"connection" required:"true"`
	// To is the recipient's address. Required.
	To string `json:"to" required:"true"`
	// Subject is required, at most MaxSubject bytes.
	Subject string `json:"subject" required:"true"`
	// Text is the mail in plain text. Required.
	Text string `json:"text" required:"true"`
	// HTML is the same in HTML. Defaults to none.
	HTML string `json:"html,omitempty"`
}

// Limits of a Mail, in bytes.
const (
	MaxSubject = 1000
	MaxBody    = 256 << 10
)

// New returns the destination. The guard decides which addresses it may dial.
func New(guard outbound.Guard) destinations.Destination { return destination{send{guard}} }

type destination struct{ send send }

var _ destinations.Destination = destination{}

func (destination) Name() string  { return "smtp" }
func (destination) Label() string { return "E-mail" }

// Options: a mail that the server may have accepted is not sent again. A mail program may
// recognise it by its Message-ID, a person will not. Mails of a lost worker are: at most one of
// them was being sent.
func (destination) Options() destinations.Options {
	return destinations.Options{
		DefaultSchedule: destinations.PatientSchedule(), RedriveLost: true, BatchSize: 20, Timeout: 5 * time.Minute,
	}
}

func (d destination) Actions() []destinations.Action { return []destinations.Action{d.send} }

// send is the action "send".
type send struct{ guard outbound.Guard }

var _ destinations.WithData = send{}

func (send) Name() string                     { return "send" }
func (send) Schedule() *destinations.Schedule { return nil }

// Data returns a Mail.
func (send) Data() any { return &Mail{} }

// Marshal wants a Mail for the event's data.
func (send) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	return destinations.JobOf(parse(e.Data))
}

func parse(data json.RawMessage) (Mail, error) {
	var m Mail
	if err := destinations.Decode(data, &m); err != nil {
		return Mail{}, err
	}
	faults := []error{destinations.CheckConnection(m.Connection)}
	if _, err := Address(m.To); err != nil {
		faults = append(faults, fmt.Errorf(`field "to" of the data: %w`, err))
	}
	// A subject is one line: a line end in it would begin a header of its own, decoded.
	m.Subject = Subject(m.Subject)
	if m.Subject == "" || len(m.Subject) > MaxSubject {
		faults = append(faults, fmt.Errorf(`field "subject" of the data: want 1 to %d bytes`, MaxSubject))
	}
	if m.Text == "" || len(m.Text)+len(m.HTML) > MaxBody {
		faults = append(faults, fmt.Errorf(`fields "text" and "html" of the data: want a text, and at most %d bytes`,
			MaxBody))
	}
	return m, destinations.Join(faults...)
}

// patience is how many mails in a row may fail for the time being before a load gives up on
// a server.
const patience = 3

// Load sends the mails one after the other. A recipient or a mail that the server refuses for
// good is discarded. A mail that the server may have taken is unknown, and not sent again.
// Everything else is tried again.
func (a send) Load(
	ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	servers := map[string]*server{}
	for job := range q.Jobs() {
		then := destinations.Then{Jobs: []string{job.ID}}
		m, err := parse(job.Data)
		if err != nil {
			then.Error, then.ForceDiscard = err, true
			report(then)
			continue
		}
		if servers[m.Connection] == nil {
			servers[m.Connection] = open(ctx, tk, a.guard, m.Connection)
		}
		s := servers[m.Connection]
		switch {
		case ctx.Err() != nil:
			then.Untried, then.Error = true, errors.New("the load was stopped before the job's turn")
		case s.err != nil:
			// The first job counts as tried, so that its connection fails.
			then.Error, then.Untried = s.err, s.failures > 0
			s.failures++
		default:
			s.send(ctx, job.ID, m, &then)
		}
		report(then)
	}
}

// server is a mail server of one load.
type server struct {
	client *client
	// err is why it cannot be used, or not any more.
	err      error
	failures int
}

func open(ctx context.Context, tk *destinations.Toolkit, guard outbound.Guard, name string) *server {
	c, err := tk.Connections.Open(ctx, name)
	if err != nil {
		return &server{err: fmt.Errorf("open the connection %s: %w", name, err)}
	}
	m, err := newClient(guard, c)
	return &server{client: m, err: destinations.WithClass(destinations.ErrorClassOperator, err)}
}

// send sends a mail, and reports how that went.
func (s *server) send(ctx context.Context, id string, m Mail, then *destinations.Then) {
	err := s.client.send(ctx, id, m)
	var refused *refusedError
	then.Error = err
	switch {
	case err == nil:
		s.failures = 0
		return
	case errors.As(err, &refused):
		then.Error, then.ForceDiscard = destinations.WithClass(destinations.ErrorClassJob, err), true
		s.failures = 0
		return
	case errors.Is(err, errDeferred):
		then.Error = destinations.WithClass(destinations.ErrorClassJob, err)
		s.failures = 0
		return
	case errors.Is(err, errUnknown):
		then.Unknown = true
	case errors.Is(err, errSender):
		then.Error = destinations.WithClass(destinations.ErrorClassOperator, err)
	}
	s.failures++
	if s.failures >= patience {
		s.err = fmt.Errorf("the mail server takes no mails: %w", then.Error)
	}
	if s.err != nil && then.Unknown {
		// Of the jobs that are left nothing was sent.
		s.err = errors.New("the mail server takes no mails: it does not answer after a mail was sent")
	}
}
