// Package notify tells people and other services about imports: by e-mail and by
// webhooks.
//
// What is to be told stands in an outbox in the store, written in the transaction that
// made it happen. A Dispatcher, of which every worker runs one, makes deliveries of it
// and retries them. Each is made at least once, and always under the same ID. Nothing
// here can fail an import, or hold it up.
package notify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/notify/channel"
	"github.com/sluicehq/sluice/notify/email"
	"github.com/sluicehq/sluice/notify/webhook"
	"github.com/sluicehq/sluice/store"
)

// Config is what a Dispatcher needs.
type Config struct {
	// Store has the outbox. Required.
	Store *store.Store
	// Settings say who is told, and how. Required.
	Settings config.Notify
	// Connections opens webhooks by their names. Required if there are any.
	Connections connections.Opener
	// Webhooks decides which addresses webhooks may lead to. Defaults to none.
	Webhooks outbound.Guard
	// Registry knows the importers, which name the templates of their mails. Required.
	Registry *importers.Registry
	// Templates are templates of mails over the built-in ones and below those of the
	// settings. Defaults to none.
	Templates []fs.FS
	// Logger is required.
	Logger *slog.Logger
	// Observe, if set, is called with the channel and the new status of every delivery
	// that was attempted: delivered, skipped, given_up, or pending where it is tried
	// again. It may be called concurrently.
	Observe func(channel, status string)
	// Backoff returns how long to wait after that many attempts. Defaults to Backoff.
	Backoff func(attempts int32) time.Duration
	// Grace is how long deliveries that are being made may go on when the dispatcher is
	// told to stop. Defaults to 5s.
	Grace time.Duration
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for name, missing := range map[string]bool{
		"Store": c.Store == nil, "Registry": c.Registry == nil, "Logger": c.Logger == nil,
		"Connections": c.Connections == nil && len(c.Settings.WebhookNames()) > 0,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("notify: %s is missing", name))
		}
	}
	return errors.Join(faults...)
}

// Dispatcher delivers notifications.
type Dispatcher struct {
	cfg     Config
	senders map[string]channel.Sender
	lease   time.Duration
}

// margin is what a lease has beyond the longest attempt, for noting how it went.
const margin = 30 * time.Second

// New returns a dispatcher. It reads templates and certificates, and connects to
// nothing.
func New(cfg Config) (*Dispatcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Grace = cmp.Or(cfg.Grace, 5*time.Second)
	if cfg.Backoff == nil {
		cfg.Backoff = Backoff
	}
	if cfg.Connections == nil {
		cfg.Connections = connections.None{}
	}
	d := &Dispatcher{
		cfg:   cfg,
		lease: max(cfg.Settings.SMTPTimeout, webhook.Timeout) + margin,
		senders: map[string]channel.Sender{
			store.ChannelWebhook: webhook.New(cfg.Connections, cfg.Webhooks),
		},
	}
	templates, err := loadTemplates(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Settings.SMTPHost == "" {
		return d, nil
	}
	d.senders[store.ChannelEmail], err = email.New(cfg.Settings, templates)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// loadTemplates finds faults in the folder also where no mail is sent yet.
func loadTemplates(cfg Config) (*email.Templates, error) {
	folders := slices.Clone(cfg.Templates)
	if cfg.Settings.Templates != "" {
		if _, err := os.Stat(cfg.Settings.Templates); err != nil {
			return nil, fmt.Errorf("notify.templates: %w", err)
		}
		folders = append(folders, os.DirFS(cfg.Settings.Templates))
	}
	templates, err := email.LoadTemplates(func(source string) string {
		importer, err := cfg.Registry.Lookup(source)
		if err != nil {
			// An import of a kind that this program does not know any more.
			return email.DefaultSet
		}
		return importer.EmailTemplate()
	}, folders...)
	if err != nil {
		return nil, fmt.Errorf("notify.templates: %w", err)
	}
	return templates, nil
}
