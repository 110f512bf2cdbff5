package notify_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// An alarm goes to each recipient of the settings once, with what to do; so does its end.
func TestSyncJobs(t *testing.T) {
	t.Parallel()
	cfg := setup()
	cfg.Settings.To, cfg.Settings.Webhooks = "anna@example.com, Anna@example.com", "ops"
	a := dispatchstore.SyncAlarm{
		ID: "sync_news_1_late", Event: dispatchstore.EventSyncLate, Sync: "news", From: "mc", To: "om", List: "1a2d7ebf82",
		EverySeconds: 7200, CurrentTo: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Late: true, Exceeded: true, Differing: true, Stopped: true, LastError: "401",
	}
	jobs, faults := notifier(t, cfg).SyncJobs(t.Context(), a, dispatchstore.Recipients{})
	require.Empty(t, faults)
	sent, hooks := mails(t, jobs)
	require.Len(t, sent, 1)
	require.Len(t, hooks, 1)
	require.Equal(t, "Sync news is late", sent[0].Subject)
	require.Equal(t, "Sync news is late: om has the changes of list 1a2d7ebf82 only up to 2026-01-02T03:04:05Z.\n"+
		"It runs every 2h0m0s.\n"+
		"A scan of list 1a2d7ebf82 has found too many members missing: no deletion was delivered.\n"+
		"The last full load of list 1a2d7ebf82 differs from the counts of its source by more than max_missing allows.\n"+
		"The run was stopped: too many pages in a row were wholly rejected. `sluice sync rejects news` has the reasons; `sluice sync run news` continues it; the watch of a state file continues it by itself.\n"+
		"Error of the last run: 401\n\n"+
		"`sluice sync show news` and `sluice sync history news` have the details. There is one more mail when it has recovered.\n",
		sent[0].Text)
	require.Equal(t, "sync.late", hooks[0].Type)
	a.Event = dispatchstore.EventSyncRecovered
	jobs, faults = notifier(t, cfg).SyncJobs(t.Context(), a, dispatchstore.Recipients{})
	require.Empty(t, faults)
	sent, hooks = mails(t, jobs)
	require.Equal(t, "Sync news has recovered", sent[0].Subject)
	require.Equal(t, "sync.recovered", hooks[0].Type)
	// An invalid address is a fault that does not name it.
	cfg.Settings.To = "nobody"
	_, faults = notifier(t, cfg).SyncJobs(t.Context(), a, dispatchstore.Recipients{})
	require.Len(t, faults, 1)
	require.NotContains(t, faults[0].Error(), "nobody")
}
