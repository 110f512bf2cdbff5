// Package webhook is the destination "webhook": it posts jobs to HTTP endpoints, signed as
// the Standard Webhooks specification says (https://www.standardwebhooks.com). An endpoint
// is a connection of kind "webhook". Notifications of imports are jobs of it, too.
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Message is the data of an event and of a job.
type Message struct {
	// Connection is the name of the endpoint's connection. Required.
	Connection string `json:"connection" required:"true"`
	// Type says what has happened, for instance "order.created". Required, at most
	// MaxType bytes.
	Type string `json:"type" required:"true"`
	// Data is what there is to say about it: any JSON. Required.
	Data json.RawMessage `json:"data" required:"true"`
}

// Limits of a Message, in bytes.
const (
	MaxType = 200
	// MaxData bounds Data: many receivers refuse more.
	MaxData = 256 << 10
)

// New returns the destination. The guard decides which addresses webhooks may lead to.
func New(guard outbound.Guard) destinations.Destination {
	return &destination{post: &post{newClient(guard)}}
}

type destination struct{ post *post }

var _ destinations.Destination = (*destination)(nil)

func (*destination) Name() string  { return "webhook" }
func (*destination) Label() string { return "Webhook" }

// Options: receivers know a job that comes twice by its webhook-id.
func (*destination) Options() destinations.Options {
	return destinations.Options{
		DefaultSchedule: destinations.PatientSchedule(), RedriveUnknown: true, Concurrency: 4,
		BatchSize: 200, Timeout: 2 * time.Minute,
	}
}

func (d *destination) Actions() []destinations.Action { return []destinations.Action{d.post} }

// post is the action "post". Each job is a request of its own.
type post struct{ *client }

var _ destinations.WithData = (*post)(nil)

func (*post) Name() string                     { return "post" }
func (*post) Schedule() *destinations.Schedule { return nil }

// Data returns a Message.
func (*post) Data() any { return &Message{} }

// Marshal wants a Message for the event's data.
func (*post) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	return destinations.JobOf(parse(e.Data))
}

func parse(data json.RawMessage) (Message, error) {
	var m Message
	if err := destinations.Decode(data, &m); err != nil {
		return Message{}, err
	}
	faults := []error{destinations.CheckConnection(m.Connection)}
	if m.Type == "" || len(m.Type) > MaxType {
		faults = append(faults, fmt.Errorf(`field "type" of the data: want 1 to %d bytes`, MaxType))
	}
	if len(m.Data) == 0 || len(m.Data) > MaxData {
		faults = append(faults, fmt.Errorf(`field "data" of the data: want 1 to %d bytes of JSON`, MaxData))
	}
	return m, destinations.Join(faults...)
}
