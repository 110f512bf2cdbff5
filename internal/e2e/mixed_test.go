package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// renamed is an importer under another name, which only some workers have.
type renamed struct {
	importers.Importer
	name string
}

// Name is not that of the importer within.
func (r renamed) Name() string { return r.name }

// mixed is a system whose workers have different importers: the stock ones have noop, the extended
// ones own alone.
type mixed struct{ *system }

func newMixed(t *testing.T) mixed {
	t.Helper()
	return mixed{setup(t, enginetest.Impatient(noop.New()), renamed{noop.New(), "own"})}
}

func (m mixed) startStock() (stop func()) {
	return m.startWith(importers.NewRegistry(enginetest.Impatient(noop.New())))
}

func (m mixed) startExtended() (stop func()) {
	return m.startWith(importers.NewRegistry(renamed{noop.New(), "own"}))
}

func (m mixed) startWith(registry *importers.Registry) (stop func()) {
	m.Tune = func(cfg *worker.Config) { cfg.Registry = registry }
	return m.StartWorker(m.t)
}

// start starts an import of a source into a site of its own.
func (m mixed) start(source string, no int) importstore.Import {
	domain := fmt.Sprintf("%s%d.example", source, no)
	m.AddSite(m.t, domain)
	r := m.noopRequest(domain, `{"rows": 20, "parts": 2}`)
	r.Source = source
	return m.Start(m.t, r)
}

// requireRightWorkers checks that no attempt at an activity of an import was made by a worker that
// does not have its importer.
func (m mixed) requireRightWorkers(imp importstore.Import) {
	m.t.Helper()
	for _, event := range m.History(m.t, imp.WorkflowID, "").GetEvents() {
		failure := event.GetActivityTaskStartedEventAttributes().GetLastFailure()
		require.NotContains(m.t, failure.GetMessage(), "unknown importer")
		require.NotContains(m.t, failure.GetMessage(), "unable to find activityType")
	}
}

// Workers of different programs run concurrently, whichever starts first: each takes what it knows. An
// import whose importer no worker has stays queued, and can be cancelled.
func TestMixedWorkers(t *testing.T) {
	t.Parallel()
	const each = 6
	m := newMixed(t)
	stopStock := m.startStock()
	var stock, own []importstore.Import
	for i := range each {
		own = append(own, m.start("own", i))
		stock = append(stock, m.start("noop", i))
	}
	for _, imp := range stock {
		m.end(imp, importstore.StatusCompleted)
	}
	for _, imp := range own {
		now, err := m.Store.Imports.Import(enginetest.Context(t), imp.ID)
		require.NoError(t, err)
		require.Equal(t, []string{importstore.StatusQueued, importstore.PhaseQueued}, []string{now.Status, now.Phase})
	}
	unwanted := own[0]
	require.NoError(t, m.Starter.Cancel(enginetest.Context(t), unwanted.ID, starter.By{Who: "ann"}))
	m.end(unwanted, importstore.StatusCancelled)

	stopExtended := m.startExtended()
	for _, imp := range own[1:] {
		m.end(imp, importstore.StatusCompleted)
	}
	stopStock()
	late := m.start("noop", each)
	stopExtended()
	last := m.start("own", each)
	m.startStock()
	m.end(late, importstore.StatusCompleted)
	m.startExtended()
	m.end(last, importstore.StatusCompleted)
	for _, imp := range append(append(stock, own...), late, last) {
		m.requireRightWorkers(imp)
	}
}
