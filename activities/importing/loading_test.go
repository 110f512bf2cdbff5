package importing_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/activities/importtest"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// observed adds up the reported chunks of an activity.
type observed struct {
	mu             sync.Mutex
	chunks         int
	rows, rejected int64
}

func (o *observed) Loaded(_, _ string, rows, rejected int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.chunks++
	o.rows += rows
	o.rejected += rejected
}

func (b *bundle) planned(t *testing.T, args string) importing.ImportRef {
	t.Helper()
	ref := b.Create(t, b.Site, args)
	b.Run(t, b.Plan, ref, nil)
	return ref
}

func TestImportData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := &observed{}
	b.Observer = seen
	b.Env = b.NewEnv()
	ref := b.planned(t, `{"rows": 95, "bad_rows": 5}`)
	part := importing.PartRef{ImportID: ref.ImportID}
	want := importing.PartResult{RowsRead: 95, RowsLoaded: 90, RowsRejected: 5}
	for range 2 {
		var got importing.PartResult
		b.Run(t, b.ImportData, part, &got)
		require.Equal(t, want, got, "a second time tells the same")
		require.EqualValues(t, 90, b.Rows(t, ref))
	}
	require.Equal(t, importstore.PhaseLoading, b.Imp(t, ref).Phase)
	require.Equal(t, []any{10, int64(90), int64(5)}, []any{seen.chunks, seen.rows, seen.rejected})
	require.Zero(t, b.Visible(t, ref), "not before it is published")
	message := b.Refused(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: 9}, importers.ClassEnded)
	require.Equal(t, "import 1: part 9: not found", message)
}

// Two executions of the activity at once, as after a network that was cut: one of
// them wins, the other is cancelled, and no row is lost or doubled.
func TestImportDataTwiceAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.planned(t, `{"rows": 300}`)
	part := importing.PartRef{ImportID: ref.ImportID}
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range errs {
		env := b.NewEnv()
		both.Go(func() { _, errs[i] = env.ExecuteActivity(b.ImportData, part) })
	}
	both.Wait()
	for _, err := range errs {
		if err == nil {
			continue
		}
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, activities.TypeTransient, app.Type())
		require.Contains(t, app.Message(), "a later attempt has taken over")
	}
	b.Run(t, b.ImportData, part, nil)
	require.EqualValues(t, 300, b.Rows(t, ref))
	b.Run(t, b.Publish, ref, nil)
	require.Equal(t, importtest.SumTo(300), b.Visible(t, ref))
}

// An attempt that fails says how far it has come.
func TestImportDataFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.planned(t, `{"rows": 100, "bad_rows": 30}`)
	part := importing.PartRef{ImportID: ref.ImportID}
	app := b.Fails(t, b.ImportData, part)
	require.Equal(t, string(importers.ClassRejects), app.Type())
	require.Contains(t, app.Message(), "10 of the first 10 rows are rejected, more than the limit of 5 rows or 0 %")
	var advance importing.Advance
	require.NoError(t, app.Details(&advance))
	require.EqualValues(t, 1, advance.Chunks)
}

// stalled is a noop importer whose source never answers.
type stalled struct {
	*noop.Importer
}

type stalledReader struct{}

func (stalled) ImportData(
	context.Context, importers.Import, importers.Part, importers.Cursor,
) (importers.Reader, error) {
	return stalledReader{}, nil
}

func (stalledReader) Next(ctx context.Context, _ *importers.Chunk) error {
	<-ctx.Done()
	return errors.New("connection torn")
}

func (stalledReader) Close() error { return nil }

// An attempt ends soon when its worker stops, as one to be tried again.
func TestImportDataWorkerStops(t *testing.T) {
	t.Parallel()
	b := setup(t, stalled{noop.New()})
	ref := b.planned(t, `{"rows": 20}`)
	stop := make(chan struct{})
	close(stop)
	b.Env.SetWorkerStopChannel(stop)
	app := b.Fails(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID})
	require.Equal(t, activities.TypeTransient, app.Type())
	require.False(t, app.NonRetryable())
	require.Contains(t, app.Message(), "the worker is stopping")
}

func TestParkPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.planned(t, `{"rows": 30, "parts": 2}`)
	stopped := importing.Stopped{PartRef: importing.PartRef{ImportID: ref.ImportID, Part: 1}, Reason: "the disk is full"}
	b.Run(t, b.ParkPart, stopped, nil)
	b.Run(t, b.Park, ref, nil)
	part, err := b.Store.PartByNo(b.Ctx, ref.ImportID, 1)
	require.NoError(t, err)
	require.Equal(t, importstore.PartParked, part.Status)
	require.Equal(t, "the disk is full", part.Error)
	require.Equal(t, importstore.StatusParked, b.Imp(t, ref).Status)
	require.Contains(t, b.Log(t, ref),
		"warn: Part 1, part 2 of 2, is parked: the disk is full. Retry it, skip it or cancel the import.")
	stopped.Part = 9
	b.Refused(t, b.ParkPart, stopped, importers.ClassEnded)
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: 1}, nil)
	require.Equal(t, importstore.StatusRunning, b.Imp(t, ref).Status)
}

// A part that is skipped leaves nothing behind, also where an attempt at it inserts
// once more after that.
func TestSkipPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 40, "parts": 2}`)
	stopped := importing.Stopped{PartRef: importing.PartRef{ImportID: ref.ImportID, Part: 1}, Reason: "of no use"}
	for range 2 {
		b.Run(t, b.SkipPart, stopped, nil)
		require.EqualValues(t, 20, b.Rows(t, ref))
	}
	require.Contains(t, b.Log(t, ref), "warn: Part 1, part 2 of 2, was skipped: of no use")
	b.Stray(t, ref, 1, 0)
	b.Run(t, b.Repair, ref, nil)
	var result importing.PartResult
	b.Run(t, b.Publish, ref, &result)
	require.Equal(t, importing.PartResult{RowsRead: 20, RowsLoaded: 20}, result)
	require.EqualValues(t, 20, b.Rows(t, ref))
	require.Equal(t, importtest.SumTo(20), b.Visible(t, ref))
	stopped.Part = 9
	b.Refused(t, b.SkipPart, stopped, importers.ClassEnded)
}

// All parts of a table may be skipped: then there must be nothing of it to see, and if they
// were all parts, there is no import.
func TestSkipAllParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.planned(t, `{"rows": 40}`)
	b.Run(t, b.SkipPart, importing.Stopped{PartRef: importing.PartRef{ImportID: ref.ImportID}, Reason: "x"}, nil)
	b.Stray(t, ref, 0, 3)
	app := b.Fails(t, b.CheckLoaded, ref)
	require.Equal(t, activities.TypeUnchanged, app.Type())
	require.Equal(t, "all parts were skipped", app.Message())
	b.Run(t, b.Repair, ref, nil)
	message := b.Refused(t, b.Publish, ref, importers.ClassInternal)
	require.Contains(t, message, "no row was loaded, and the source has confirmed no day as empty")
	require.Zero(t, b.Visible(t, ref))
	b.Run(t, b.PurgeRows, ref, nil)
	require.Zero(t, b.Rows(t, ref))
}

// An attempt that begins late, when its import is being given up, loads nothing.
func TestLateImportData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.planned(t, `{"rows": 40}`)
	end := importing.Ended{ImportID: ref.ImportID, Status: importstore.StatusFailed, Class: "bad_input", Reason: "went wrong"}
	b.Run(t, b.NoteFailure, end, nil)
	message := b.Refused(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID}, importers.ClassEnded)
	require.Equal(t, "import 1: part 0 has been given up: not possible in this state", message)
	require.Zero(t, b.Rows(t, ref))
}

// panicking is a noop importer that panics while configured to.
type panicking struct {
	*noop.Importer
	calm bool
}

func (p *panicking) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	if !p.calm {
		panic("no idea")
	}
	return p.Importer.ImportData(ctx, imp, part, from)
}

// A panic of an importer is an error like any other.
func TestImportDataPanics(t *testing.T) {
	t.Parallel()
	p := &panicking{Importer: noop.New()}
	b := setup(t, p)
	ref := b.planned(t, `{"rows": 40}`)
	part := importing.PartRef{ImportID: ref.ImportID}
	_, err := b.Env.ExecuteActivity(b.ImportData, part)
	var panicked *temporal.PanicError
	require.ErrorAs(t, err, &panicked)
	p.calm = true
	b.Run(t, b.ImportData, part, nil)
	require.EqualValues(t, 40, b.Rows(t, ref))
}
