package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/webhook"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

var _ dispatchstore.SyncNotifier = (*Notifier)(nil)

// SyncJobs returns a mail to each address of the settings, and an event for each of their webhooks, whatever
// events of imports these subscribe to.
func (n *Notifier) SyncJobs(
	ctx context.Context, a dispatchstore.SyncAlarm, _ dispatchstore.Recipients,
) (jobs []deliverystore.NewJob, faults []error) {
	add := func(to *action, data any) {
		job, err := n.job(ctx, to, a.Event, a.OccurredAt, data)
		if err != nil {
			// The action's error may have the address.
			faults = append(faults, errors.New(
				"a recipient of the alarm cannot be notified: the action refuses its address"))
			return
		}
		jobs = append(jobs, job)
	}
	if n.mail != nil {
		subject, text := syncMail(a)
		for _, address := range distinct(n.settings.Recipients()) {
			add(n.mail, smtp.Mail{Connection: connections.Notify, To: address, Subject: subject, Text: text})
		}
	}
	for _, name := range distinct(n.Webhooks()) {
		data, err := json.Marshal(a)
		if err != nil {
			return jobs, append(faults, fmt.Errorf("encode the alarm: %w", err))
		}
		add(n.webhook, webhook.Message{Connection: name, Type: a.Event, Data: data})
	}
	return jobs, faults
}

// syncMail words an alarm.
func syncMail(a dispatchstore.SyncAlarm) (subject, text string) {
	current := a.CurrentTo.Format(time.RFC3339)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if a.Event == dispatchstore.EventSyncRecovered {
		subject = fmt.Sprintf("Sync %s has recovered", a.Sync)
		line("Sync %s is current again: %s has the changes of list %s up to %s.", a.Sync, a.To, a.List, current)
		return subject, b.String()
	}
	subject = fmt.Sprintf("Sync %s needs attention", a.Sync)
	if a.Late {
		subject = fmt.Sprintf("Sync %s is late", a.Sync)
		line("Sync %s is late: %s has the changes of list %s only up to %s.", a.Sync, a.To, a.List, current)
		line("It runs every %s.", time.Duration(a.EverySeconds)*time.Second)
	}
	if a.Exceeded {
		line("A scan of list %s has found too many members missing: no deletion was delivered.", a.List)
	}
	if a.Differing {
		line("The last full load of list %s differs from the counts of its source by more than max_missing allows.", a.List)
	}
	if a.Stopped {
		line("The run was stopped: too many pages in a row were wholly rejected. `sluice sync rejects %s` has the reasons; "+
			"`sluice sync run %s` continues it; the watch of a state file continues it by itself.", a.Sync, a.Sync)
	}
	if a.LastError != "" {
		line("Error of the last run: %s", storable(a.LastError))
	}
	line("")
	line("`sluice sync show %s` and `sluice sync history %s` have the details. "+
		"There is one more mail when it has recovered.",
		a.Sync, a.Sync)
	return subject, b.String()
}
