package activities_test

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

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/db"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// bundle is all activities on databases of the test's own.
type bundle struct {
	activities.Lifecycle
	activities.Loading
	ctx   context.Context
	store *store.Store
	wh    *warehouse.Warehouse
	site  store.Site
	env   *testsuite.TestActivityEnvironment

	locks   *activities.Locks
	reviews *activities.Reviews
	// chunkRows is how many rows a chunk has. Defaults to 10.
	chunkRows int32
	// woken are the imports whose workflows were told that they have got their locks.
	woken []int64
}

// setup returns a bundle with a site and the noop importer, unless the test brings
// one of its own by that name.
func setup(t *testing.T, importer ...importers.Importer) *bundle {
	t.Helper()
	if len(importer) == 0 {
		importer = []importers.Importer{noop.New()}
	}
	b := &bundle{ctx: enginetest.Context(t), store: enginetest.Store(t), wh: enginetest.Warehouse(t)}
	registry := importers.NewRegistry(importer...)
	kit := activities.Kit{Store: b.store, Registry: registry}
	b.locks = &activities.Locks{Store: b.store, Wake: func(_ context.Context, w store.Woken) error {
		b.woken = append(b.woken, w.ImportID)
		return nil
	}}
	b.Lifecycle = activities.Lifecycle{Kit: kit}
	b.Loading = activities.Loading{Kit: kit, Warehouse: b.wh, Locks: b.locks}
	b.reviews = &activities.Reviews{Kit: kit, Locks: b.locks}
	b.site = b.addSite(t, "example.com", nil)
	b.env = b.newEnv()
	return b
}

// newEnv returns an environment for activities: each runs one at a time.
func (b *bundle) newEnv() *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	for _, fn := range []any{
		b.locks.Acquire, b.reviews.Begin, b.reviews.Decide, b.reviews.Remind, b.Note,
		b.BeforeStart, b.Plan, b.Summarize, b.Finalize, b.OnSuccess, b.OnFailure, b.CleanUp,
		b.ImportData, b.ParkPart, b.Park, b.SkipPart, b.CheckLoaded, b.Publish, b.PurgeRows, b.Finish, b.Remove,
		b.NoteFailure, b.Repair,
	} {
		env.RegisterActivity(fn)
	}
	return env
}

func (b *bundle) addSite(t *testing.T, domain string, native *calendar.Day) store.Site {
	t.Helper()
	site, err := b.store.AddSite(b.ctx, store.NewSite{Domain: domain, TimeZone: "Europe/Berlin", NativeStart: native})
	require.NoError(t, err)
	return site
}

// create adds an import of the site.
func (b *bundle) create(t *testing.T, site store.Site, args string) activities.ImportRef {
	t.Helper()
	normal, err := noop.New().ParseArgs(json.RawMessage(args))
	require.NoError(t, err)
	imp, created, err := b.store.CreateImport(b.ctx, store.NewImport{CreateImportParams: db.CreateImportParams{
		SiteID: site.ID, Source: "noop", Label: "No operation", Args: normal, OnPartFailure: store.OnPartFailurePark,
		MaxRejects: 5, ChunkRows: cmp.Or(b.chunkRows, 10), ChunkBytes: 1 << 20, Parallelism: 3, ReviewReminderS: 60, ReviewExpiryS: 3600,
	}})
	require.NoError(t, err)
	require.True(t, created)
	return activities.ImportRef{ImportID: imp.ID}
}

// loaded takes an import through all phases up to the end of loading.
func (b *bundle) loaded(t *testing.T, args string) activities.ImportRef {
	t.Helper()
	ref := b.create(t, b.site, args)
	b.run(t, b.BeforeStart, ref, nil)
	var plan activities.Planned
	b.run(t, b.Plan, ref, &plan)
	for _, p := range plan.Parts {
		b.run(t, b.ImportData, activities.PartRef{ImportID: ref.ImportID, Part: p.No}, nil)
	}
	return ref
}

// finish ends an import behind the activities' back.
func (b *bundle) finish(ref activities.ImportRef, status string) error {
	_, err := b.store.Finish(b.ctx, ref.ImportID, store.End{Status: status}, store.LockLimits{})
	return err
}

// run executes an activity that must succeed.
func (b *bundle) run(t *testing.T, fn, arg, result any) {
	t.Helper()
	value, err := b.env.ExecuteActivity(fn, arg)
	require.NoError(t, err)
	if result != nil {
		require.NoError(t, value.Get(result))
	}
}

// refused executes an activity that must fail for good, and returns the message.
func (b *bundle) refused(t *testing.T, fn, arg any, class importers.Class) string {
	t.Helper()
	app := b.fails(t, fn, arg)
	require.True(t, app.NonRetryable(), "%v", app)
	require.Equal(t, string(class), app.Type())
	return app.Message()
}

// fails executes an activity that must fail.
func (b *bundle) fails(t *testing.T, fn, arg any) *temporal.ApplicationError {
	t.Helper()
	_, err := b.env.ExecuteActivity(fn, arg)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	return app
}

// imp reads an import.
func (b *bundle) imp(t *testing.T, ref activities.ImportRef) store.Import {
	t.Helper()
	imp, err := b.store.Import(b.ctx, ref.ImportID)
	require.NoError(t, err)
	return imp
}

// log returns the import's log, a line each.
func (b *bundle) log(t *testing.T, ref activities.ImportRef) []string {
	t.Helper()
	lines, err := b.store.ListFeedback(b.ctx, db.ListFeedbackParams{ImportID: ref.ImportID, RowLimit: 1000})
	require.NoError(t, err)
	texts := []string{}
	for _, l := range lines {
		texts = append(texts, fmt.Sprintf("%s: %s", l.Level, l.Message))
	}
	return texts
}

// visible sums up the visitors that queries see of an import of noop: 1 to n where it
// has n rows and none is lost or doubled.
func (b *bundle) visible(t *testing.T, ref activities.ImportRef) warehouse.Sum {
	t.Helper()
	imp := b.imp(t, ref)
	sum, err := b.wh.VisibleSum(b.ctx, schema.Visitors, uint64(imp.SiteID), uint64(imp.ID), "visitors")
	require.NoError(t, err)
	return sum
}

// rows counts the rows of an import, visible or not.
func (b *bundle) rows(t *testing.T, ref activities.ImportRef) uint64 {
	t.Helper()
	imp := b.imp(t, ref)
	n, err := b.wh.ImportRows(b.ctx, schema.Visitors, uint64(imp.SiteID), uint64(imp.ID))
	require.NoError(t, err)
	return n
}

// stray inserts a row into a chunk of an import, as a late attempt would.
func (b *bundle) stray(t *testing.T, ref activities.ImportRef, part, chunk uint32) {
	t.Helper()
	row := schema.NewBatch(schema.Visitors)
	row.SetUint64(1, 1<<40)
	row.EndRow()
	key := warehouse.ChunkKey{
		PartKey: warehouse.PartKey{SiteID: uint64(b.site.ID), ImportID: uint64(ref.ImportID), Part: part},
		Chunk:   chunk, Generation: 1000,
	}
	require.NoError(t, b.wh.InsertRows(b.ctx, key, row))
}

// sumTo is what visible returns for n rows.
func sumTo(n uint64) warehouse.Sum { return warehouse.Sum{Rows: n, Sum: n * (n + 1) / 2} }
