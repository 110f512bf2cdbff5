package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/terminal"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// What an import waits for is one line, with the command that ends the wait.
func TestWaitsLine(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.Local)
	for want, tc := range map[string]struct {
		waits importview.Waits
		imp   importstore.Import
	}{
		"": {imp: importstore.Import{Status: importstore.StatusCompleted, Paused: true}},
		"for `sluice import resume 7`; see who paused it with `sluice import logs 7`": {
			imp: importstore.Import{ID: 7, Status: importstore.StatusRunning, Paused: true},
		},
		`queued: no live worker offers importer "x"`: {
			waits: importview.Waits{Importer: `no live worker offers importer "x"`}, imp: importstore.Import{Status: importstore.StatusQueued},
		},
		"for a review until 2026-01-31 12:00:00: `sluice review accept 7` or `sluice review decline 7 --reason TEXT`": {
			waits: importview.Waits{Expires: &noon}, imp: importstore.Import{ID: 7, Status: importstore.StatusInReview},
		},
		"until 2026-01-31 12:00:00: the quota is exhausted": {
			imp: importstore.Import{Status: importstore.StatusRunning, WaitUntil: &noon, WaitReason: "the quota is exhausted"},
		},
		"for import 3 (site:a.com), import 4 (ga4:9)": {
			waits: importview.Waits{Imports: []importview.Blocking{
				{ImportID: 3, Resource: "site:a.com"}, {ImportID: 4, Resource: "ga4:9"},
			}}, imp: importstore.Import{Status: importstore.StatusQueued},
		},
		"for a slot: the limit of running imports is reached": {
			imp: importstore.Import{Status: importstore.StatusQueued, Phase: importstore.PhaseLocking},
		},
		"for a worker": {imp: importstore.Import{Status: importstore.StatusQueued, Phase: importstore.PhaseQueued}},
	} {
		require.Equal(t, want, waitLine(tc.waits, tc.imp))
	}
	require.Contains(t, waitLine(importview.Waits{}, importstore.Import{ID: 7, Status: importstore.StatusParked}), "`sluice import retry-part 7 PART`")
	require.Empty(t, waitLine(importview.Waits{}, importstore.Import{Status: importstore.StatusRunning, Phase: importstore.PhaseLoading}))
	for want, p := range map[string]importstore.Part{
		"waiting":     {Status: importstore.PartWaiting},
		"not started": {Status: importstore.PartWaiting, FinishedAt: &noon},
		"interrupted": {Status: importstore.PartWaiting, FinishedAt: &noon, StartedAt: &noon},
		"done":        {Status: importstore.PartDone, FinishedAt: &noon},
	} {
		require.Equal(t, want, partText(p))
	}
}

// The line under a progress bar says why the bar does not move.
func TestReasonOfProgress(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.Local)
	for want, i := range map[string]importstore.Import{
		"the workflow stands still":                                  {WorkflowFault: "the workflow stands still\nmore"},
		"waiting for `sluice import retry-part 7 PART` or skip-part": {ID: 7, Status: importstore.StatusParked},
		"waiting for `sluice review accept 7` or decline":            {ID: 7, Status: importstore.StatusInReview},
		"resume it with `sluice import resume 7`":                    {ID: 7, Paused: true},
		"waiting until 2026-01-31 12:00:00: the quota is exhausted":  {WaitUntil: &noon, WaitReason: "the quota is exhausted"},
		"waiting for locks (see `sluice locks list`)":                {Phase: importstore.PhaseLocking},
		"retrying: it answered 503":                                  {AttemptError: "it answered 503"},
		"":                                                           {Phase: importstore.PhaseLoading},
	} {
		require.Equal(t, want, strings.TrimSuffix(readingOf(importstore.Summary{Import: i}).Reason, "..."))
	}
	require.Equal(t, terminal.Reading{Label: "paused", Detail: "1/2 parts", Total: 1, Reason: "resume it with `sluice import resume 0`", Over: true},
		readingOf(importstore.Summary{Import: importstore.Import{Paused: true}, PartsDone: 1, PartsTotal: 2, BytesTotal: 1}))
}

// The health of a connection says what has failed, since when it waits, and who paused it.
func TestHealthText(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.Local)
	for want, h := range map[string]connections.Health{
		"healthy": {State: deliverystore.ConnectionHealthy},
		"failing after 2 consecutive failures: it answered 503": {
			State: deliverystore.ConnectionFailing, Failures: 2, Reason: "it answered 503",
		},
		"circuit open until 2026-01-31 12:00:00 after 5 consecutive failures: it answered 503": {
			State: deliverystore.ConnectionOpen, OpenUntil: &noon, Failures: 5, Reason: "it answered 503",
		},
		"circuit half-open, probing with one job at a time after 5 consecutive failures": {
			State: deliverystore.ConnectionHalfOpen, Failures: 5,
		},
		"paused":                        {State: deliverystore.ConnectionPaused, PausedAt: &noon},
		"paused by ann: it is too late": {State: deliverystore.ConnectionPaused, PausedAt: &noon, PausedBy: "ann", PausedReason: "it is too late"},
	} {
		require.Equal(t, want, healthText(h))
	}
}

// The progress of the writers of the event log, from none to rejected records.
func TestWritersText(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	written, since := now.Add(-3*time.Second), now.Add(-90*time.Second)
	for want, p := range map[string]ingestclient.Writers{
		"no event log is registered":           {},
		"4 partitions, nothing written yet":    {Partitions: 4},
		"4 partitions, last progress 3.0s ago": {Partitions: 4, WrittenAt: &written},
		"4 partitions, last progress 3.0s ago, 1 in progress, the oldest for 1m30s, 2 records rejected": {
			Partitions: 4, WrittenAt: &written, Open: 1, OpenSince: &since, Rejected: 2,
		},
	} {
		require.Equal(t, want, writersText(p, now))
	}
	require.Equal(t, "1 valid, 1 revoked", keyCount([]ingeststore.Key{{}, {RevokedAt: &now}}))
}

// A dry run says what its import would wait for, and how long it would take.
func TestDryRunLines(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]importacts.DryRunLock{
		"site:a.com, exclusive, free": {Resource: "site:a.com", Free: true},
		"ga4:9, shared, held by import 3, import 4, requested by import 5; the import would wait": {
			Resource: "ga4:9", Shared: true, Holders: []int64{3, 4}, Waiting: []int64{5},
		},
		"ga4:9, exclusive, requested by import 5; the import would wait": {Resource: "ga4:9", Waiting: []int64{5}},
	} {
		require.Equal(t, want, lockLine(l))
	}
	rows, seconds := int64(1200), 60.0
	for want, e := range map[string]importacts.DryRunEstimate{
		"unknown: the source does not report its size": {},
		"about 1,200 rows": {EstimatedRows: &rows},
		"about 1,200 rows, 1m00s at 20 rows/s, the requested rate": {
			EstimatedRows: &rows, EstimatedSeconds: &seconds, RowsPerSecond: 20, SpeedIs: importacts.SpeedRate,
		},
	} {
		require.Equal(t, want, estimateLine(e))
	}
	require.Equal(t, "12, the first 2 sampled", partsLine(importacts.DryRunReport{PartsTotal: 12, Parts: make([]importacts.DryRunPart, 2)}))
}

// The state of a sync in words.
func TestSyncLines(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "scanned 2026-01-31 12:00 UTC: 1,200 found, 30 missing, 4 opted out; more are missing than max_missing allows: "+
		"check the list, or raise max_missing",
		scanLine(&syncstore.Scan{ScannedAt: at, Found: 1200, MissingCount: 30, Deleted: 4, Exceeded: true}))
	require.Equal(t, "9, full running: 10 of about 1,200 read, 8 delivered, 2 rejected, 1 skipped", runLine(&syncclient.SyncRun{
		ID: 9, Kind: "full", Status: syncstore.StatusRunning, Read: 10, Announced: 1200, Delivered: 8, Rejected: 2, Skipped: 1,
	}))
	require.Equal(t, []string{"none yet", "", "it answered 503"},
		[]string{runLine(nil), errorLine(nil), errorLine(&syncclient.SyncRun{Error: "it answered 503"})})
	require.Equal(t, "raised 2026-01-31 12:00 UTC", optionalTime("raised", &at))
	require.Equal(t, "mapping=of its own, worker_count=2", settingsLine(map[string]any{"worker_count": 2, "mapping": map[string]any{}}))
	require.Equal(t, "defaults", settingsLine(nil))
}
