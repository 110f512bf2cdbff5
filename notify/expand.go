package notify

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/store"
)

// expandAll makes deliveries of all notifications that have none yet.
func (d *Dispatcher) expandAll(ctx context.Context) error {
	for {
		expanded, err := d.cfg.Store.ExpandNotification(ctx, d.targets)
		if err != nil {
			return fmt.Errorf("make deliveries: %w", err)
		}
		if !expanded {
			return nil
		}
	}
}

// targets returns where a notification goes: to the addresses of its import and site
// and to those of the settings, each once, and to all webhooks. Which events an endpoint
// wants is seen when one is sent: it takes opening the connection.
func (d *Dispatcher) targets(_ store.Notification, addresses []string) []store.Target {
	var all []store.Target
	if d.cfg.Settings.SMTPHost != "" {
		for _, address := range distinct(slices.Concat(addresses, d.cfg.Settings.Recipients())) {
			all = append(all, store.Target{Channel: store.ChannelEmail, Name: address})
		}
	}
	for _, name := range distinct(d.cfg.Settings.WebhookNames()) {
		all = append(all, store.Target{Channel: store.ChannelWebhook, Name: name})
	}
	return all
}

// maxTarget is how many bytes a target can have: more than an address (RFC 5321, 4.5.3.1).
const maxTarget = 320

// distinct returns the bare addresses, each once, whatever the case. What is no
// address stays as it is: its delivery fails and says so.
func distinct(texts []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, text := range texts {
		if parsed, err := mail.ParseAddress(text); err == nil {
			text = parsed.Address
		}
		if len(text) > maxTarget {
			// No mailbox is called that. Kept short it fits the index, and is still none: one
			// delivery fails instead of the whole outbox.
			text = strings.ToValidUTF8(text[:maxTarget], "") + "..."
		}
		key := strings.ToLower(strings.TrimSpace(text))
		if key != "" && !seen[key] {
			seen[key] = true
			all = append(all, strings.TrimSpace(text))
		}
	}
	return all
}
