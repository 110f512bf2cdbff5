package signals

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

var operator = starter.By{Who: "setup", Why: "the test wants it"}

// system is all of Sluice, with a site for every import.
type system struct {
	*enginetest.System
	sites atomic.Int64
}

// setup starts a worker with room for all the imports of a test at once.
func setup(t *testing.T) *system {
	t.Helper()
	s := &system{System: enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New())))}
	s.Settings.Worker.LoadSlots = 64
	s.StartWorker(t)
	return s
}

// start starts an import of a site of its own, in chunks of 50 rows.
func (s *system) start(t *testing.T, args string, review bool) importstore.Import {
	t.Helper()
	site := fmt.Sprintf("site%d.example.com", s.sites.Add(1))
	s.AddSite(t, site)
	settings := s.Settings.Import
	settings.ChunkRows = 50
	return s.Start(t, starter.Request{
		Site: site, Source: "noop", Args: json.RawMessage(args), Settings: &settings, Review: &review, By: "setup",
	})
}

// slow takes more than a minute, and few inserts a second.
const slow = `{"rows": 20000, "delay": "200ms"}`

// prepare returns an import that is in the state that a command is for; "" is for queries.
func (s *system) prepare(t *testing.T, command string) importstore.Import {
	t.Helper()
	switch command {
	case workflows.CommandRetryPart, workflows.CommandSkipPart:
		imp := s.start(t, `{"rows": 100, "parts": 2, "fail": "import_data", "fail_times": 20}`, false)
		s.WaitParked(t, imp.ID)
		return imp
	case workflows.CommandDecide:
		imp := s.start(t, `{"rows": 100}`, true)
		s.waitStatus(t, imp.ID, importstore.StatusInReview)
		return imp
	case workflows.CommandResume:
		imp := s.start(t, slow, false)
		s.WaitLoading(t, imp.ID)
		require.NoError(t, s.Starter.Pause(enginetest.Context(t), imp.ID, operator))
		return imp
	case "":
		imp := s.start(t, slow, false)
		s.WaitLoading(t, imp.ID)
		require.NoError(t, s.Starter.SetRate(enginetest.Context(t), imp.ID, 1000, operator))
		return imp
	default:
		imp := s.start(t, slow, false)
		s.WaitLoading(t, imp.ID)
		return imp
	}
}

func (s *system) waitStatus(t *testing.T, id int64, status string) {
	t.Helper()
	s.WaitFor(t, id, status, func(now importstore.Summary) bool { return now.Import.Status == status })
}

// command is the argument of any command.
type command struct {
	By, Reason, Key, Verdict string
	Part                     int32
	RowsPerSecond            int64 `json:"rows_per_second"`
}

// requireDone waits until a command shows in the store.
func (s *system) requireDone(t *testing.T, id int64, name string, o command) {
	t.Helper()
	switch name {
	case workflows.CommandPause, workflows.CommandResume:
		paused := name == workflows.CommandPause
		s.WaitFor(t, id, name, func(now importstore.Summary) bool { return now.Import.Paused == paused })
	case workflows.CommandSetRate:
		require.Positive(t, o.RowsPerSecond)
		s.WaitFor(t, id, name, func(now importstore.Summary) bool { return now.Import.Rate == o.RowsPerSecond })
	case workflows.CommandCancel:
		require.Equal(t, importstore.StatusCancelled, s.Wait(t, id).Import.Status)
		return
	case workflows.CommandDecide:
		want := map[string]string{importstore.Accepted: importstore.StatusCompleted, importstore.Declined: importstore.StatusDeclined}[o.Verdict]
		require.Equal(t, want, s.Wait(t, id).Import.Status)
	case workflows.CommandRetryPart, workflows.CommandSkipPart:
		s.requirePart(t, id, name, o)
		return
	default:
		require.Failf(t, "unknown command", "%s", name)
	}
	s.requireLogged(t, id, o.By)
}

// requirePart waits until a part is not parked any more, or was parked anew.
func (s *system) requirePart(t *testing.T, id int64, name string, o command) {
	t.Helper()
	if name == workflows.CommandSkipPart {
		s.requireLogged(t, id, o.Reason)
	}
	ctx := enginetest.Context(t)
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		parts, err := s.Store.Imports.ListParts(ctx, id)
		require.NoError(collect, err)
		want := map[string]string{workflows.CommandRetryPart: importstore.PartDone, workflows.CommandSkipPart: importstore.PartSkipped}[name]
		require.Equal(collect, want, parts[o.Part].Status)
	}, patience, interval)
}

// requireLogged waits until the import's log names who has given a command, or why.
func (s *system) requireLogged(t *testing.T, id int64, text string) {
	t.Helper()
	require.NotEmpty(t, text)
	ctx := enginetest.Context(t)
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		lines, err := s.Store.Imports.ListFeedback(ctx, importstore.FeedbackQuery{ImportID: id, RowLimit: 1000})
		require.NoError(collect, err)
		log := ""
		for _, line := range lines {
			log += line.Level + ": " + line.Message + "\n"
		}
		require.Contains(collect, log, text)
	}, patience, interval)
}
