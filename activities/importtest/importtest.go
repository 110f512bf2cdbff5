// Package importtest has the activities of imports on databases of a test's own.
package importtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Bundle is all activities on databases of the test's own.
type Bundle struct {
	importing.Lifecycle
	importing.Loading
	Ctx   context.Context
	Store *importstore.Store
	// Deliveries is the other half of the store.
	Deliveries *deliverystore.Store
	Wh         *warehouse.Warehouse
	Site       importstore.Site
	Env        *testsuite.TestActivityEnvironment

	locks   *importing.Locks
	Reviews *importing.Reviews
	// ChunkRows is how many rows a chunk has. Defaults to 10.
	ChunkRows int32
	// Dependencies are what created imports lock. Defaults to nothing.
	Dependencies []importstore.Dependency
	// woken are the imports whose workflows were notified of their locks.
	woken []int64
}

// Setup returns a bundle with a site and the noop importer, unless the test brings
// one of its own by that name.
func Setup(t *testing.T, importer ...importers.Importer) *Bundle {
	t.Helper()
	return setupOn(t, enginetest.Store(t), enginetest.Warehouse(t), importer...)
}

func setupOn(t *testing.T, s *dispatchstore.Store, w *warehouse.Warehouse, importer ...importers.Importer) *Bundle {
	t.Helper()
	if len(importer) == 0 {
		importer = []importers.Importer{noop.New()}
	}
	b := &Bundle{Ctx: enginetest.Context(t), Store: s.Imports, Deliveries: s.Deliveries, Wh: w}
	registry := importers.NewRegistry(importer...)
	kit := importing.Kit{Store: b.Store, Registry: registry, Wants: dispatch.Wants(b.Deliveries)}
	b.locks = &importing.Locks{Store: b.Store, Wake: func(_ context.Context, w importstore.Woken) error {
		b.woken = append(b.woken, w.ImportID)
		return nil
	}}
	b.Lifecycle = importing.Lifecycle{Kit: kit}
	b.Loading = importing.Loading{Kit: kit, Warehouse: b.Wh, Locks: b.locks}
	b.Reviews = &importing.Reviews{Kit: kit, Locks: b.locks}
	b.Site = b.AddSite(t, "example.com", nil)
	b.Env = b.NewEnv()
	return b
}

// NewEnv returns an environment for activities: each runs one at a time.
func (b *Bundle) NewEnv() *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	for _, fn := range []any{
		b.locks.Acquire, b.Reviews.Begin, b.Reviews.Decide, b.Reviews.Remind, b.Note,
		b.BeforeStart, b.Plan, b.Summarize, b.Finalize, b.OnSuccess, b.OnFailure, b.CleanUp,
		b.ImportData, b.ParkPart, b.Park, b.SkipPart, b.CheckLoaded, b.Publish, b.PurgeRows, b.Finish, b.Remove,
		b.NoteFailure, b.Repair, b.Close,
	} {
		env.RegisterActivity(fn)
	}
	return env
}

// AddSite adds a site. native is the first day of its native data, nil for none.
func (b *Bundle) AddSite(t *testing.T, domain string, native *calendar.Day) importstore.Site {
	t.Helper()
	site, err := b.Store.AddSite(b.Ctx, importstore.NewSite{
		Domain: domain, TimeZone: "Europe/Berlin", NativeStart: native,
	})
	require.NoError(t, err)
	return site
}

// Create adds an import of the site.
func (b *Bundle) Create(t *testing.T, site importstore.Site, args string) importing.ImportRef {
	t.Helper()
	normal, err := noop.New().ParseArgs(json.RawMessage(args))
	require.NoError(t, err)
	imp, created, err := b.Store.CreateImport(b.Ctx, importstore.NewImport{ImportFields: importstore.ImportFields{
		SiteID: site.ID, Source: "noop", Label: "No operation", Args: normal, OnPartFailure: importstore.OnPartFailurePark,
		MaxRejects: 5, ChunkRows: cmp.Or(b.ChunkRows, 10), ChunkBytes: 1 << 20, Parallelism: 3, ReviewReminderS: 60,
		ReviewExpiryS: 3600,
	}, Dependencies: b.Dependencies})
	require.NoError(t, err)
	require.True(t, created)
	return importing.ImportRef{ImportID: imp.ID}
}

// Loaded takes an import through all phases up to the end of loading.
func (b *Bundle) Loaded(t *testing.T, args string) importing.ImportRef {
	t.Helper()
	ref := b.Create(t, b.Site, args)
	b.Run(t, b.BeforeStart, ref, nil)
	var plan importing.Planned
	b.Run(t, b.Plan, ref, &plan)
	for _, p := range plan.Parts {
		b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: p.No}, nil)
	}
	return ref
}

// EndInStore ends an import in the store, without its activities.
func (b *Bundle) EndInStore(ref importing.ImportRef, status string) error {
	_, err := b.Store.Finish(b.Ctx, ref.ImportID, importstore.End{Status: status}, importstore.LockLimits{})
	return err
}

// Run executes an activity that must succeed.
func (b *Bundle) Run(t *testing.T, fn, arg, result any) {
	t.Helper()
	value, err := b.Env.ExecuteActivity(fn, arg)
	require.NoError(t, err)
	if result != nil {
		require.NoError(t, value.Get(result))
	}
}

// Refused executes an activity that must fail permanently, and returns the message.
func (b *Bundle) Refused(t *testing.T, fn, arg any, class importers.Class) string {
	t.Helper()
	app := b.Fails(t, fn, arg)
	require.True(t, app.NonRetryable(), "%v", app)
	require.Equal(t, string(class), app.Type())
	return app.Message()
}

// Fails executes an activity that must fail.
func (b *Bundle) Fails(t *testing.T, fn, arg any) *temporal.ApplicationError {
	t.Helper()
	_, err := b.Env.ExecuteActivity(fn, arg)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	return app
}

// Imp reads an import.
func (b *Bundle) Imp(t *testing.T, ref importing.ImportRef) importstore.Import {
	t.Helper()
	imp, err := b.Store.Import(b.Ctx, ref.ImportID)
	require.NoError(t, err)
	return imp
}

// Log returns the import's log, a line each.
func (b *Bundle) Log(t *testing.T, ref importing.ImportRef) []string {
	t.Helper()
	lines, err := b.Store.ListFeedback(b.Ctx, importstore.FeedbackQuery{ImportID: ref.ImportID, RowLimit: 1000})
	require.NoError(t, err)
	texts := []string{}
	for _, l := range lines {
		texts = append(texts, fmt.Sprintf("%s: %s", l.Level, l.Message))
	}
	return texts
}

// Visible sums up the visitors that queries see of an import of noop: 1 to n where it
// has n rows and none is lost or doubled.
func (b *Bundle) Visible(t *testing.T, ref importing.ImportRef) warehouse.Sum {
	t.Helper()
	imp := b.Imp(t, ref)
	sum, err := b.Wh.VisibleSum(b.Ctx, schema.Visitors, uint64(imp.SiteID), uint64(imp.ID), "visitors")
	require.NoError(t, err)
	return sum
}

// Rows counts the rows of an import, visible or not.
func (b *Bundle) Rows(t *testing.T, ref importing.ImportRef) uint64 {
	t.Helper()
	imp := b.Imp(t, ref)
	n, err := b.Wh.ImportRows(b.Ctx, schema.Visitors, uint64(imp.SiteID), uint64(imp.ID))
	require.NoError(t, err)
	return n
}

// Stray inserts a row into a chunk of an import, as a late attempt would.
func (b *Bundle) Stray(t *testing.T, ref importing.ImportRef, part, chunk uint32) {
	t.Helper()
	row := schema.NewBatch(schema.Visitors)
	row.SetUint64(1, 1<<40)
	row.EndRow()
	key := warehouse.ChunkKey{
		PartKey: warehouse.PartKey{SiteID: uint64(b.Site.ID), ImportID: uint64(ref.ImportID), Part: part},
		Chunk:   chunk, Generation: 1000,
	}
	require.NoError(t, b.Wh.InsertRows(b.Ctx, key, row))
}

// SumTo is what visible returns for n rows.
func SumTo(n uint64) warehouse.Sum { return warehouse.Sum{Rows: n, Sum: n * (n + 1) / 2} }
