package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func TestEventPurge(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	b.recordOutcome(t, "smtp", "send", deliverystore.JobSucceeded, "")
	require.Regexp(t, `^No events received before [0-9: -]+ to purge\.\n$`, b.ok(t, "event", "purge", "--older-than", "1h"))
	require.Regexp(t, `^RECEIVED BEFORE +EVENTS +JOBS +TRANSITIONS +RESULT\n.* +1 +1 +3 +would be purged\n$`,
		b.ok(t, "event", "purge", "--before", "0s", "--dry-run"))
	var purged purgedJSON
	b.json(t, &purged, "event", "purge", "--older-than", "1ns", "--dry-run")
	require.WithinDuration(t, time.Now(), purged.ReceivedBefore, time.Minute)
	purged.ReceivedBefore = time.Time{}
	require.Equal(t, purgedJSON{DryRun: true, Events: 1, Jobs: 1, Transitions: 3}, purged)
	for _, nothing := range []string{"--source shop", "--not-source crm,till", "--state discarded,cancelled"} {
		b.json(t, &purged, append([]string{"event", "purge", "--before", "0s"}, strings.Fields(nothing)...)...)
		require.Zero(t, purged.Events, nothing)
	}
	require.Regexp(t, ` +1 +1 +3 +purged\n$`, b.ok(t, "event", "purge", "--before", "0s", "--source", "crm"))
	_, err := b.Store.Deliveries.Event(enginetest.Context(t), b.events[1])
	require.ErrorIs(t, err, store.ErrNotFound)
	b.ok(t, "job", "cancel", "--all")
	b.json(t, &purged, "event", "purge", "--before", "0s", "--state", "succeeded", "--state", "cancelled")
	require.EqualValues(t, 1, purged.Events)
	require.EqualValues(t, 2, purged.Jobs)
}

func TestEventPurgeMistakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                              "want either --before TIME or --older-than DURATION",
		"--before 1h --older-than 1h":   "want either --before TIME or --older-than DURATION",
		"--older-than -1h":              "--older-than -1h0m0s: want more than 0, such as 720h",
		"--before 1h --state executing": "--state executing: want one of succeeded, discarded, cancelled",
		"--before soon":                 `--before "soon" is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00, or 2h for two hours ago`,
		"--before 1h x":                 "unexpected argument \"x\": see `sluice event purge --help`",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			offline().fails(t, want, append([]string{"event", "purge"}, strings.Fields(line)...)...)
		})
	}
}
