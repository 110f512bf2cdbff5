package notify_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/notify"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// setup returns the configuration of a notifier with a mail server.
func setup() notify.Config {
	settings := config.Default().Notify
	settings.SMTPHost, settings.SMTPFrom = "localhost", "sluice@example.com"
	return notify.Config{
		Settings: settings, Importers: importers.NewRegistry(csv.New()),
		Destinations: destinations.NewRegistry(smtp.New(outbound.Loopback()), webhook.New(outbound.Loopback())),
	}
}

func notifier(t *testing.T, cfg notify.Config) *notify.Notifier {
	t.Helper()
	n, err := notify.New(cfg)
	require.NoError(t, err)
	return n
}

// mails returns the mails among jobs, webhooks the other jobs.
func mails(t *testing.T, jobs []deliverystore.NewJob) (mails []smtp.Mail, webhooks []webhook.Message) {
	t.Helper()
	for _, job := range jobs {
		var m smtp.Mail
		var w webhook.Message
		if job.Destination == "smtp" {
			require.Equal(t, "send", job.Action)
			require.NoError(t, json.Unmarshal(job.Data, &m))
			mails = append(mails, m)
			continue
		}
		require.Equal(t, "webhook/post", job.Destination+"/"+job.Action)
		require.NoError(t, json.Unmarshal(job.Data, &w))
		webhooks = append(webhooks, w)
	}
	return mails, webhooks
}

// Every recipient is notified once, by a job of its own.
func TestRecipients(t *testing.T) {
	t.Parallel()
	cfg := setup()
	cfg.Settings.To, cfg.Settings.Webhooks = "anna@EXAMPLE.com, carl@example.com", "ops,ops"
	a := announcement(importstore.EventFailed)
	jobs, faults := notifier(t, cfg).Jobs(t.Context(), a, dispatchstore.Recipients{
		Addresses: []string{"Ben <ben@example.com>", "Anna@example.com", "", " ", `"Ben" <BEN@example.com>`},
		Webhooks:  map[string]json.RawMessage{"ops": json.RawMessage(`{"url": "https://example.com"}`)},
	})
	require.Empty(t, faults)
	sent, posted := mails(t, jobs)
	var to []string
	for _, m := range sent {
		require.Equal(t, "CSV export import failed for example.com", m.Subject)
		require.Equal(t, connections.Notify, m.Connection)
		require.NotEmpty(t, m.HTML)
		to = append(to, m.To)
	}
	require.Equal(t, []string{"ben@example.com", "Anna@example.com", "carl@example.com"}, to)
	require.Len(t, posted, 1)
	require.Equal(t, "ops", posted[0].Connection)
	require.Equal(t, "import.failed", posted[0].Type)
	var said importstore.Announcement
	require.NoError(t, json.Unmarshal(posted[0].Data, &said))
	require.Equal(t, a, said)
}

// Without a mail server no mail is due, and without a recipient nothing is.
func TestNoRecipients(t *testing.T) {
	t.Parallel()
	cfg := setup()
	to := dispatchstore.Recipients{Addresses: []string{"anna@example.com"}}
	n := notifier(t, cfg)
	jobs, faults := n.Jobs(t.Context(), announcement(importstore.EventFailed), dispatchstore.Recipients{})
	require.Empty(t, jobs)
	require.Empty(t, faults)
	cfg.Settings.SMTPHost = ""
	jobs, faults = notifier(t, cfg).Jobs(t.Context(), announcement(importstore.EventFailed), to)
	require.Empty(t, jobs)
	require.Empty(t, faults)
}

// A webhook is notified of the events that its settings name. The job of one that is missing
// waits for an operator.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	cfg := setup()
	cfg.Settings.Webhooks = "ops,sales,missing"
	n := notifier(t, cfg)
	require.Equal(t, []string{"ops", "sales", "missing"}, n.Webhooks())
	jobs, faults := n.Jobs(t.Context(), announcement(importstore.EventFailed), dispatchstore.Recipients{
		Webhooks: map[string]json.RawMessage{
			"ops":   json.RawMessage(`{"url": "https://example.com", "events": ["completed"]}`),
			"sales": json.RawMessage(`{"url": "https://example.com", "events": ["failed"]}`),
		},
	})
	require.Empty(t, faults)
	_, posted := mails(t, jobs)
	require.Len(t, posted, 2)
	require.Equal(t, "sales", posted[0].Connection)
	require.Equal(t, "missing", posted[1].Connection)
}

// An invalid contact is reported without its text, and the other contacts get their mail.
func TestNonsenseAmongTheContacts(t *testing.T) {
	t.Parallel()
	jobs, faults := notifier(t, setup()).Jobs(t.Context(), announcement(importstore.EventFailed), dispatchstore.Recipients{
		Addresses: []string{"invalid", strings.Repeat("ä", 5000) + "@example.com", "ben@example.com"},
	})
	require.Len(t, jobs, 1)
	require.Len(t, faults, 2)
	for _, fault := range faults {
		require.ErrorContains(t, fault, `field "to" of the data`)
		require.NotContains(t, fault.Error(), "invalid")
		require.Less(t, len(fault.Error()), 300)
	}
}

func TestFaultsAreFoundAtTheStart(t *testing.T) {
	t.Parallel()
	_, err := notify.New(notify.Config{})
	require.ErrorContains(t, err, "notify: Importers or Destinations is missing")
	cfg := setup()
	cfg.Destinations, cfg.Settings.Webhooks = destinations.NewRegistry(), "ops"
	cfg.Settings.Templates = "/nowhere"
	_, err = notify.New(cfg)
	require.ErrorContains(t, err, "notify.smtp_host: ")
	require.ErrorContains(t, err, "notify.webhooks: ")
	require.ErrorContains(t, err, "notify.templates: stat /nowhere: no such file or directory")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "default"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "default", "failure.html.tmpl"), []byte("{{.Nope}}"), 0o600))
	cfg = setup()
	cfg.Settings.Templates = dir
	_, err = notify.New(cfg)
	require.ErrorContains(t, err, "notify.templates: ")
	require.ErrorContains(t, err, "can't evaluate field Nope")
}

// sent sends what notifies of a completed import to a webhook.
func sent(t *testing.T, c connections.Connection) (then destinations.Then) {
	t.Helper()
	cfg := setup()
	cfg.Settings.Webhooks = c.Name
	a := announcement(importstore.EventCompleted)
	a.Import.Label = "CSV <export>"
	jobs, faults := notifier(t, cfg).Jobs(t.Context(), a, dispatchstore.Recipients{})
	require.Empty(t, faults)
	require.Len(t, jobs, 1)
	opener := destinationtest.Opener{Name: c.Name, Kind: c.Kind, Settings: c.Settings, Secrets: c.Secrets}
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{
		{ID: "the same", Data: jobs[0].Data, SentAt: a.OccurredAt},
	}}}}
	webhook.New(outbound.Loopback()).Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: opener}, q,
		func(answer destinations.Then) { then = answer })
	return then
}

// A webhook can subscribe to every event that is announced to recipients, by its name or its type.
func TestWebhooksKnowEvents(t *testing.T) {
	t.Parallel()
	for _, event := range []string{
		importstore.EventCompleted, importstore.EventUnchanged, importstore.EventFailed, importstore.EventCancelled, importstore.EventDeclined,
		importstore.EventParked, importstore.EventReviewWanted, importstore.EventReviewReminder,
	} {
		for _, name := range []string{event, dispatchstore.NotificationPrefix + event} {
			settings := json.RawMessage(`{"url": "https://example.com", "events": ["` + name + `"]}`)
			wants, err := webhook.Wants(settings, event)
			require.NoError(t, err, name)
			require.True(t, wants, name)
		}
	}
	_, err := webhook.Wants(json.RawMessage(`{"url": "https://example.com", "events": ["`+importstore.EventRetrying+`"]}`), "")
	require.ErrorContains(t, err, "is not an event")
}
