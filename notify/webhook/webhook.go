// Package webhook delivers notifications to HTTP endpoints, signed as the Standard
// Webhooks specification says (https://www.standardwebhooks.com). An endpoint is a
// connection of kind "webhook".
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/notify/channel"
)

// typePrefix stands before an event's name in what is sent.
const typePrefix = "import."

// envelope is what is sent, in the form that the specification recommends.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Sender posts notifications to webhooks. It is safe for concurrent use.
type Sender struct {
	opener connections.Opener
	client *client
}

var _ channel.Sender = (*Sender)(nil)

// New returns a sender that finds endpoints by the names of their connections.
// The guard decides which addresses webhooks may lead to.
func New(opener connections.Opener, guard outbound.Guard) *Sender {
	return &Sender{opener: opener, client: newClient(guard)}
}

// Send posts a notification to the webhook that its target names. The ID of the
// announcement is the webhook-id: receivers know a repetition by it. What an operator can
// mend, such as a connection that is missing, is worth another attempt; an endpoint
// that refuses the event is not.
func (s *Sender) Send(ctx context.Context, m channel.Message) error {
	c, err := s.opener.Open(ctx, m.Target)
	if err != nil {
		return fmt.Errorf("open the webhook: %w", err)
	}
	if c.Kind != KindName {
		return fmt.Errorf("the connection %s is of kind %s: want %s", c.Name, c.Kind, KindName)
	}
	set, err := parseSettings(c.Settings)
	if err != nil {
		return fmt.Errorf("settings of the webhook: %w", err)
	}
	if !set.wants(m.Announcement.Event) {
		return channel.ErrUnwanted
	}
	body, err := json.Marshal(envelope{
		Type: typePrefix + m.Announcement.Event, Timestamp: m.Announcement.OccurredAt, Data: m.Announcement,
	})
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	_, err = s.client.post(ctx, set.URL, c.Secrets, m.Announcement.ID, body)
	return err
}
