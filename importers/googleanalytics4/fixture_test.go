package googleanalytics4

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2024, time.March, 2, 10, 20, 30, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// bench is a fake, an importer and an import of all that the fake has.
type bench struct {
	*Importer
	fake  *fakega4test.Fake
	clock *clock
	imp   importers.Import
	lines *importertest.Log
}

// setup starts a fake. pageRows 0 is the default.
func setup(tb testing.TB, cfg fakega4.Config, pageRows int) *bench {
	tb.Helper()
	b := &bench{clock: newClock(), lines: &importertest.Log{}}
	cfg.Now = b.clock.Now
	b.fake = fakega4test.Start(tb, cfg)
	b.Importer = New(Config{
		Guard: outbound.Loopback(), PageRows: pageRows, Now: b.clock.Now, Jitter: func(limit time.Duration) time.Duration { return limit / 2 },
	})
	b.imp = importers.Import{
		ID: 7, Site: importers.Site{ID: 1, Domain: "example.com", TimeZone: "UTC"},
		Args:  json.RawMessage(fmt.Sprintf(`{"connection": "ga", "property": %q}`, b.fake.Property())),
		Chunk: importers.ChunkLimit{Rows: 100, Bytes: 1 << 30}, Feedback: b.lines,
		Connections: fakega4test.Opener{b.fake.Connection(tb, "ga")},
	}
	return b
}

// plan plans the import and opens its window.
func (b *bench) plan(tb testing.TB) importers.Plan {
	tb.Helper()
	plan, err := b.Plan(tb.Context(), b.imp)
	require.NoError(tb, err)
	b.imp.Window = calendar.NewSet(plan.Range)
	return plan
}

// part returns the first part of a table.
func (b *bench) part(tb testing.TB, table string) importers.Part {
	tb.Helper()
	parts := b.plan(tb).Parts
	i := slices.IndexFunc(parts, func(p importers.Part) bool { return p.Table.Name == table })
	require.GreaterOrEqual(tb, i, 0)
	return parts[i]
}

// read reads a part and returns its rows and rejects.
func (b *bench) read(tb testing.TB, part importers.Part, from importers.Cursor) ([]string, []importers.Reject) {
	tb.Helper()
	copies, err := importertest.ReadPart(tb.Context(), b.Importer, b.imp, part, from)
	require.NoError(tb, err)
	var rows []string
	var rejects []importers.Reject
	for _, c := range copies {
		rows, rejects = append(rows, c.Rows...), append(rejects, c.Rejects...)
	}
	return rows, rejects
}

// warned returns the warnings that hold a text.
func (b *bench) warned(text string) []string {
	return slices.DeleteFunc(b.lines.Lines(), func(line string) bool {
		return !strings.HasPrefix(line, "warn: ") || !strings.Contains(line, text)
	})
}

// column returns a column of printed rows, without quotation marks.
func column(rows []string, i int) []string {
	values := make([]string, len(rows))
	for j, row := range rows {
		values[j] = strings.Trim(strings.Split(row, "\t")[i], `"`)
	}
	return values
}

// pageRow prints a row of imported_pages as importertest does.
func pageRow(c *importers.Chunk, i int) string {
	row := ""
	for col, column := range c.Rows.Table().Columns {
		switch column.Kind {
		case schema.KindDate:
			row += fmt.Sprintf("%d\t", c.Rows.Dates(col)[i])
		case schema.KindString:
			row += fmt.Sprintf("%q\t", c.Rows.Strings(col, nil)[i])
		default:
			row += fmt.Sprintf("%d\t", c.Rows.Uint64s(col)[i])
		}
	}
	return row
}

// deaf is a network without servers.
type deaf struct{}

func (deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
