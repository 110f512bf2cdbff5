// Package notify notifies people and other services about imports. It creates the jobs with which
// the destinations smtp and webhook send mails and webhooks, and renders the mails. The store adds
// the jobs in the transaction of the announced change.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/mail"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/importers"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Config configures a Notifier.
type Config struct {
	// Settings name the recipients. Required.
	Settings config.Notify
	// Importers name the templates of their mails. Required.
	Importers *importers.Registry
	// Destinations contains smtp and webhook if the settings use them. Required.
	Destinations *destinations.Registry
	// Templates are mail templates that override the built-in ones; those of the settings override
	// them. Defaults to none.
	Templates []fs.FS
	// Logger logs faults of templates. Defaults to none.
	Logger *slog.Logger
}

// Notifier creates jobs that notify about imports. It is safe for concurrent use.
type Notifier struct {
	settings  config.Notify
	templates *Templates
	mail      *action
	webhook   *action
	toolkit   *destinations.Toolkit
}

var _ dispatchstore.Notifier = (*Notifier)(nil)

// New returns a notifier. It loads the templates, and reports all of their faults.
func New(cfg Config) (*Notifier, error) {
	if cfg.Importers == nil || cfg.Destinations == nil {
		return nil, errors.New("notify: Importers or Destinations is missing")
	}
	n := &Notifier{settings: cfg.Settings, toolkit: &destinations.Toolkit{Logger: cfg.Logger}}
	var faults [3]error
	n.templates, faults[0] = loadTemplates(cfg)
	if cfg.Settings.SMTPHost != "" {
		n.mail, faults[1] = lookup(cfg.Destinations, "notify.smtp_host", "smtp", "send")
	}
	if len(cfg.Settings.WebhookNames()) > 0 {
		n.webhook, faults[2] = lookup(cfg.Destinations, "notify.webhooks", "webhook", "post")
	}
	if err := errors.Join(faults[:]...); err != nil {
		return nil, err
	}
	return n, nil
}

// action is an action of a destination.
type action struct {
	destination destinations.Destination
	action      destinations.Action
}

func lookup(all *destinations.Registry, setting, destination, name string) (*action, error) {
	d, a, err := all.LookupAction(destination, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return &action{d, a}, nil
}

// loadTemplates validates the folder even if no mail is sent yet.
func loadTemplates(cfg Config) (*Templates, error) {
	folders := slices.Clone(cfg.Templates)
	if cfg.Settings.Templates != "" {
		if _, err := os.Stat(cfg.Settings.Templates); err != nil {
			return nil, fmt.Errorf("notify.templates: %w", err)
		}
		folders = append(folders, os.DirFS(cfg.Settings.Templates))
	}
	templates, err := LoadTemplates(func(source string) string {
		importer, err := cfg.Importers.Lookup(source)
		if err != nil {
			// The program does not have the import's importer any more.
			return DefaultSet
		}
		return importer.EmailTemplate()
	}, folders...)
	if err != nil {
		return nil, fmt.Errorf("notify.templates: %w", err)
	}
	return templates, nil
}

// Webhooks returns the names of the webhooks in the settings.
func (n *Notifier) Webhooks() []string { return n.settings.WebhookNames() }

// Jobs returns a mail to each address of the import, its site and the settings, and an event for
// each webhook that subscribes to it.
func (n *Notifier) Jobs(
	ctx context.Context, a importstore.Announcement, to dispatchstore.Recipients,
) (jobs []deliverystore.NewJob, faults []error) {
	add := func(to *action, data any) {
		job, err := n.job(ctx, to, dispatchstore.NotificationPrefix+a.Event, a.OccurredAt, data)
		if err != nil {
			faults = append(faults, err)
			return
		}
		jobs = append(jobs, job)
	}
	if n.mail != nil {
		if addresses := distinct(slices.Concat(to.Addresses, n.settings.Recipients())); len(addresses) > 0 {
			rendered, err := n.templates.Render(a)
			if err != nil {
				faults = append(faults, err)
			}
			for _, address := range addresses {
				add(n.mail, smtp.Mail{
					Connection: connections.Notify, To: address, Subject: rendered.Subject, Text: rendered.Text, HTML: rendered.HTML,
				})
			}
		}
	}
	for _, name := range distinct(n.Webhooks()) {
		settings, known := to.Webhooks[name]
		if wants, err := webhook.Wants(settings, a.Event); known && err == nil && !wants {
			continue
		}
		// The job of a missing or invalid webhook waits for an operator.
		data, err := json.Marshal(a)
		if err != nil {
			faults = append(faults, fmt.Errorf("encode the announcement: %w", err))
			continue
		}
		add(n.webhook, webhook.Message{Connection: name, Type: dispatchstore.NotificationPrefix + a.Event, Data: data})
	}
	return jobs, faults
}

// job creates a job through the action, which rejects invalid data.
func (n *Notifier) job(
	ctx context.Context, to *action, event string, at time.Time, data any,
) (deliverystore.NewJob, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return deliverystore.NewJob{}, fmt.Errorf("encode a notification: %w", err)
	}
	sent := destinations.Event{Source: dispatchstore.SourceSluice, Name: event, Data: text, SentAt: at}
	job, _, err := destinations.MakeJob(ctx, n.toolkit, &destinations.Versions{}, to.destination, to.action, sent)
	return deliverystore.NewJob(job), err
}

// distinct returns the bare addresses without duplicates, ignoring case. An invalid address stays
// unchanged, and the action rejects it.
func distinct(texts []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, text := range texts {
		if parsed, err := mail.ParseAddress(text); err == nil {
			text = parsed.Address
		}
		text = strings.TrimSpace(text)
		if key := strings.ToLower(text); key != "" && !seen[key] {
			seen[key] = true
			all = append(all, text)
		}
	}
	return all
}

// storable returns text that PostgreSQL can store in JSON.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
