package importertest

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// checkWindow: rows dated outside the window are never loaded.
func checkWindow(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, window := range []calendar.Set{firstHalf(b.plan.Range), nil} {
		b.imp.Window = window
		for _, part := range b.plan.Parts {
			for _, c := range b.read(tb, part, "") {
				for _, row := range c.Rows {
					date, _, _ := strings.Cut(row, "\t")
					day, err := strconv.Atoi(date)
					require.NoError(tb, err)
					require.True(tb, window.Contains(calendar.Day(day)),
						"part %d loads a row of %s, the window is %s", part.No, calendar.Day(day), window)
				}
			}
		}
	}
}

// firstHalf returns the earlier days of a range, at least one.
func firstHalf(r calendar.Range) calendar.Set {
	return calendar.NewSet(calendar.Range{First: r.First, Last: r.First + calendar.Day((r.Days()-1)/2)})
}

// checkConcurrent: different parts, and one part twice, can be read concurrently.
func checkConcurrent(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	const readers = 2
	type outcome struct {
		copies []Copy
		err    error
	}
	got := make([][readers]outcome, len(b.plan.Parts))
	var group sync.WaitGroup
	for i, part := range b.plan.Parts {
		for j := range readers {
			group.Go(func() {
				o := &got[i][j]
				o.copies, o.err = ReadPart(tb.Context(), b.Importer, b.imp, part, "")
			})
		}
	}
	group.Wait()
	for i, part := range b.plan.Parts {
		alone := b.read(tb, part, "")
		for _, o := range got[i] {
			require.NoError(tb, o.err, "part %d, read concurrently", i)
			sameChunks(tb, alone, o.copies, "part %d reads differently in concurrent reads", i)
		}
	}
}

// hook is a call of the workflow other than those that read data.
type hook struct {
	name string
	call func() error
}

func (b *bench) hooks(tb testing.TB) []hook {
	tb.Helper()
	ctx := tb.Context()
	all := []hook{
		{"BeforeStart", func() error { return b.before(ctx) }},
		{"OnSuccess", func() error { return b.OnSuccess(ctx, b.imp, importers.Result{RowsRead: 3, RowsLoaded: 3}) }},
		{"OnFailure", func() error { return b.OnFailure(ctx, b.imp, "importertest: planned failure") }},
	}
	if f, ok := b.Importer.(importers.Finalizer); ok {
		all = append(all, hook{"Finalize", func() error {
			return f.Finalize(ctx, b.imp, importers.Result{RowsRead: 3, RowsLoaded: 3})
		}})
	}
	if c, ok := b.Importer.(importers.Cleaner); ok {
		all = append(all, hook{"CleanUp", func() error { return c.CleanUp(ctx, b.imp) }})
	}
	return all
}

// checkHooks: each hook can run twice, also concurrently, as happens when a worker is considered
// dead. Failure and success use separate sources.
func checkHooks(tb testing.TB, cfg Config) {
	tb.Helper()
	for i := range setup(tb, cfg).hooks(tb) {
		h := setup(tb, cfg).hooks(tb)[i]
		require.NoError(tb, h.call(), h.name)
		require.NoError(tb, h.call(), "%s, the second time", h.name)
		errs := make([]error, 4)
		var group sync.WaitGroup
		for j := range errs {
			group.Go(func() { errs[j] = h.call() })
		}
		group.Wait()
		for _, err := range errs {
			require.NoError(tb, err, "%s, several at once", h.name)
		}
	}
}
