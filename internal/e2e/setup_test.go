package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

const site = "example.com"

// system is all of Sluice with a site and no worker yet.
type system struct {
	*enginetest.System
	t *testing.T
}

func setup(t *testing.T, more ...importers.Importer) *system {
	t.Helper()
	s := &system{System: enginetest.NewSystem(t, importers.NewRegistry(append(more, csv.New())...)), t: t}
	s.AddSite(t, site)
	return s
}

// setupNoop has the noop importer, without its pauses.
func setupNoop(t *testing.T) *system {
	t.Helper()
	return setup(t, enginetest.Impatient(noop.New()))
}

// noop starts an import of generated rows in chunks of 50, two parts at once.
func (s *system) noop(domain, args string) importstore.Import {
	s.t.Helper()
	return s.Start(s.t, s.noopRequest(domain, args))
}

func (s *system) noopRequest(domain, args string) starter.Request {
	settings := s.Settings.Import
	settings.ChunkRows = 50
	return starter.Request{Site: domain, Source: "noop", Args: json.RawMessage(args), Settings: &settings}
}

// end waits for the end of an import and of its workflow, and checks what always
// holds of them.
func (s *system) end(imp importstore.Import, status string) importstore.Summary {
	s.t.Helper()
	return endOf(s.t, s.System, imp, status)
}

func endOf(t *testing.T, s *enginetest.System, imp importstore.Import, status string) importstore.Summary {
	t.Helper()
	last := s.Wait(t, imp.ID)
	require.Equalf(t, status, last.Import.Status, "class %s: %s", last.Import.ErrorClass, last.Import.Error)
	err := s.Temporal.GetWorkflow(enginetest.Context(t), last.Import.WorkflowID, "").Get(enginetest.Context(t), nil)
	well := status == importstore.StatusCompleted || status == importstore.StatusUnchanged
	require.Equal(t, well, err == nil, "the workflow's end is the import's")
	require.Equal(t, last.RowsRead, last.RowsLoaded+last.RowsRejected+last.RowsOutOfRange+last.RowsLeftOut)
	require.Empty(t, last.Import.AttemptError)
	require.NotNil(t, last.Import.FinishedAt)
	if status != importstore.StatusCompleted {
		requireNothing(t, s, last.Import)
		return last
	}
	loaded, visible := rowsOf(t, s, last.Import)
	require.EqualValues(t, last.RowsLoaded, loaded, "what is counted is there")
	require.EqualValues(t, last.RowsLoaded, visible, "what is there is seen")
	return last
}

// waitPhase waits until an import is in a phase.
func (s *system) waitPhase(id int64, phase string) importstore.Summary {
	s.t.Helper()
	return s.WaitFor(s.t, id, phase, func(now importstore.Summary) bool { return now.Import.Phase == phase })
}

// waitLine waits until a line is in an import's log.
func (s *system) waitLine(id int64, line string) {
	s.t.Helper()
	s.WaitFor(s.t, id, line, func(importstore.Summary) bool { return slices.Contains(s.feedback(id), line) })
}

// rowsOf counts an import's rows in all tables: all of them, and those that queries
// see.
func rowsOf(t *testing.T, s *enginetest.System, imp importstore.Import) (all, visible uint64) {
	t.Helper()
	for _, table := range schema.Imported() {
		n, err := s.Warehouse.ImportRows(enginetest.Context(t), table, uint64(imp.SiteID), uint64(imp.ID))
		require.NoError(t, err)
		seen, err := s.Warehouse.VisibleSum(enginetest.Context(t), table, uint64(imp.SiteID), uint64(imp.ID), "visitors")
		require.NoError(t, err)
		all, visible = all+n, visible+seen.Rows
	}
	return all, visible
}

// requireNothing checks that no row of an import is left, visible or not.
func requireNothing(t *testing.T, s *enginetest.System, imp importstore.Import) {
	t.Helper()
	all, visible := rowsOf(t, s, imp)
	require.Zero(t, all)
	require.Zero(t, visible)
}

// visitors adds up the visible visitors of an import of generated rows: every row has
// others, so that a lost or doubled one shows.
func (s *system) visitors(imp importstore.Import) uint64 {
	s.t.Helper()
	sum, err := s.Warehouse.VisibleSum(enginetest.Context(s.t), schema.Visitors, uint64(imp.SiteID), uint64(imp.ID), "visitors")
	require.NoError(s.t, err)
	return sum.Sum
}

// feedback returns the lines of an import's log.
func (s *system) feedback(id int64) []string {
	s.t.Helper()
	lines, err := s.Store.Imports.ListFeedback(enginetest.Context(s.t), importstore.FeedbackQuery{ImportID: id, RowLimit: 1000})
	require.NoError(s.t, err)
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = fmt.Sprintf("%s: %s", line.Level, line.Message)
	}
	return texts
}

// clickhouseConn returns a connection of the test's own.
func (s *system) clickhouseConn() clickhouse.Conn {
	s.t.Helper()
	options, err := clickhouse.ParseDSN(s.Settings.Warehouse.DSN)
	require.NoError(s.t, err)
	conn, err := clickhouse.Open(options)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, conn.Close()) })
	return conn
}

// recover compares an import with its workflow, as workers do every now and then.
func (s *system) recover(id int64) error {
	_, err := s.Starter.Recover(enginetest.Context(s.t), id)
	return err
}
