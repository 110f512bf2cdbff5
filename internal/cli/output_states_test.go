package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	accessstore "github.com/sluicehq/sluice/store/access"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// written returns what a function writes as the output of a command.
func written(t *testing.T, write func(c *cli.Context) error) string {
	t.Helper()
	var out bytes.Buffer
	app := newApp(t, Streams{})
	app.Writer = &out
	require.NoError(t, write(cli.NewContext(app, nil, nil)))
	return out.String()
}

// Errors that the target reports later come with the pages that may have the records, and the command that
// finds them.
func TestLateErrors(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	require.Empty(t, lateLines("news", nil))
	require.Equal(t, "at least 3 errors by 2026-01-31 12:00 UTC, in pages 7/2-4: is invalid at email "+
		"(or in pages of 1 other run)\n"+
		"1 error by 2026-01-31 12:00 UTC, in pages 6/1: \n"+
		"find the records of a page with `sluice sync run news --find-rejected 7/4`",
		lateLines("news", []syncclient.LateErrors{
			{
				Until: noon, Errors: 3, RunID: 7, FirstPage: 2, LastPage: 4, Runs: 2,
				Reasons: []sync.ErrorCount{{LateError: sync.LateError{Path: "email", Message: "is invalid"}, Count: 3}},
			},
			{Until: noon, Errors: 1, Exact: true, RunID: 6, FirstPage: 1, LastPage: 1, Runs: 1},
		}))
	require.Equal(t, []string{"-", "1,200"}, []string{lateCell(0), lateCell(1200)})
	require.Empty(t, auditLine(nil))
	require.Equal(t, "the late errors of the target could not be read: it answered 503",
		auditLine(&syncclient.SyncRun{AuditError: "it answered 503"}))
}

// A full load is compared with the counts of the source; a difference is a warning that says what to do.
func TestCountsOfAFullLoad(t *testing.T) {
	t.Parallel()
	require.Empty(t, countsLine(nil))
	require.Equal(t, "run 3 agrees with the source: none read; 0 rejected, 0 changed meanwhile",
		countsLine(&syncclient.Counts{RunID: 3, After: map[string]int64{"subscribed": 0}}))
	require.Equal(t, "WARNING: run 3 and the source differ by 1,500 records: subscribed 500 of 2,000 read; 4 rejected, "+
		"0 changed meanwhile; more than max_missing allows: check the list, then set latest_timestamp=null and run the sync",
		countsLine(&syncclient.Counts{
			RunID: 3, Read: map[string]int64{"subscribed": 500}, After: map[string]int64{"subscribed": 2000},
			Rejected: 4, Difference: 1500, Exceeded: true,
		}))
}

// A stopped run says who continues it.
func TestStoppedRun(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	v := syncclient.View{Row: syncstore.Sync{Name: "news"}}
	require.Empty(t, stoppedLine(v))
	v.Run = &syncstore.Run{StoppedAt: &noon, RejectedPages: 3}
	const stopped = "2026-01-31 12:00 UTC: the last 3 pages were wholly rejected; " +
		"`sluice sync rejects news` has the reasons, "
	require.Equal(t, stopped+"`sluice sync run news` continues the run", stoppedLine(v))
	v.Row.Watch = "state.json"
	require.Equal(t, stopped+"its watch continues the run at its next look", stoppedLine(v))
}

// A destination is shown with its versions and the settings of its actions.
func TestDestinationWithVersions(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	v := deliveryclient.Destination{
		Name: "shop", Label: "The shop", Registered: true, Workers: 1, DefaultVersion: "v2",
		Versions: []deliveryclient.Version{{Name: "v1", DeprecatedSince: &noon}, {Name: "v2"}},
		Actions: []deliveryclient.Action{
			{
				Name: "add", Workers: 1, Workflow: deliveryclient.WorkflowRunning, Interval: "@hourly", TimeZone: "UTC",
				MaxRetries: 3, Concurrency: 2, RatePerSecond: 2.5, BatchSize: 10,
			},
			{
				Name: "remove", Paused: true, Workers: 1, Workflow: deliveryclient.WorkflowRunning, Realtime: true,
				Interval: "1s", TimeZone: "UTC", Concurrency: 1, BatchSize: 1, RedriveUnknown: true,
			},
		},
	}
	golden(t, "destination-versions", written(t, func(c *cli.Context) error { return writeDestination(c, v) }))
	v.Actions[0].Paused = true
	require.Equal(t, "paused", destinationCell(v).Text)
}

// The state of a flow, of a decision, of a token and of a dry run in a cell or a line.
func TestRareStates(t *testing.T) {
	t.Parallel()
	past := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.Local)
	require.Equal(t, "faulty: unknown destination nowhere\n\n", written(t, func(c *cli.Context) error {
		return faultLines(c, deliveryclient.Flow{Fault: "unknown destination nowhere"})
	}))
	require.Equal(t, "The file has no flows.\n", written(t, func(c *cli.Context) error { return writeDecisions(c, nil) }))

	declined := importstore.Declined
	var review importstore.ReviewSummary
	review.Review.Decision, review.Review.DecidedBy, review.Review.Error = &declined, "bob", "it answered 503"
	require.Equal(t, "declined by bob", decisionCell(review).Text)
	require.Equal(t, "finalize failed: it answered 503", reviewNote(review))

	require.Equal(t, "expired", tokenState(accessstore.Token{ExpiresAt: &past}, past.Add(time.Second)).Text)
	require.Equal(t, "2026-01-31 12:00:00", whenOrNever(&past))

	require.Equal(t, "required before rows become visible", reviewLine(importacts.DryRunReport{Review: true}))
	require.Equal(t, "every 1h", timingCell(starter.Timing{Every: time.Hour}))
	require.Equal(t, "active", pausedCell(starter.Schedule{}.Paused).Text)
	require.Equal(t, "none", nextRuns(starter.Schedule{}, moment))
	require.Equal(t, "-", runTime(syncclient.SyncRun{StartedAt: past}))
	require.Equal(t, []string{"Last error", "Reason"},
		[]string{errorLabel(deliverystore.JobExecuting), errorLabel(deliverystore.JobFailed)})
}

// A dry run says until when the import would wait, and marks what it has only estimated.
func TestDryRunThatWaits(t *testing.T) {
	t.Parallel()
	until, rows := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.Local), int64(1200)
	text := written(t, func(c *cli.Context) error {
		return writeReport(c.App.Writer, importacts.DryRunReport{
			Source: "csv", Site: "example.com", Review: true, WaitUntil: &until, PartsTotal: 1,
			Parts: []importacts.DryRunPart{{Label: "visitors.csv", RowsRead: 50, EstimatedRows: &rows}},
		})
	})
	require.Contains(t, text, "until 2026-01-31 12:00:00\n")
	require.Contains(t, text, "required before rows become visible\n")
	require.Contains(t, text, "~1,200")
}

// The connections of a destination are listed up to a bound, with the number of the others.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	text := written(t, func(c *cli.Context) error {
		return writeWaiting(c, make([]deliveryclient.Waiting, maxWaitingRows+3))
	})
	require.True(t, strings.HasSuffix(text, "\n3 more; list all with --output json\n"), text)
}
