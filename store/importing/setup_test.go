package importing_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
)

// bundle is a migrated store with a site, and a plain connection to its database.
type bundle struct {
	*importing.Store
	ctx       context.Context
	site      importing.Site
	sql       *pgx.Conn
	announced *announcements
}

// announcements is an announcer that remembers what is announced.
type announcements struct {
	mu  sync.Mutex
	all []importing.Announcement
}

func (a *announcements) Announce(_ context.Context, _ *db.Queries, n importing.Announcement, _ []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, n)
	return nil
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t), announced: &announcements{}}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = importing.New(opened, b.announced), sql
	var err error
	b.site, err = b.AddSite(b.ctx, importing.NewSite{Domain: "example.com", TimeZone: "Europe/Berlin"})
	require.NoError(t, err)
	return b
}

// newImport is an import that could be created for the bundle's site.
func (b *bundle) newImport(key string) importing.NewImport {
	n := importing.NewImport{ImportFields: importing.ImportFields{
		SiteID: b.site.ID, Source: "noop", Label: "No-op", Args: json.RawMessage(`{"rows": 1}`),
		OnPartFailure: importing.OnPartFailurePark, MaxRejects: 10, MaxRejectShare: 0.5,
		ChunkRows: 1000, ChunkBytes: 1 << 20, Parallelism: 2, ReviewReminderS: 60, ReviewExpiryS: 3600,
	}}
	if key != "" {
		n.IdempotencyKey = &key
	}
	return n
}

func (b *bundle) create(t *testing.T) importing.Import {
	t.Helper()
	imp, created, err := b.CreateImport(b.ctx, b.newImport(""))
	require.NoError(t, err)
	require.True(t, created)
	return imp
}

// plan saves a plan of that many parts of imported_visitors for ten days.
func (b *bundle) plan(t *testing.T, id int64, parts int) {
	t.Helper()
	days := calendar.Range{First: 100, Last: 109}
	list := make([]importing.NewPart, parts)
	for i := range list {
		list[i] = importing.NewPart{Table: "imported_visitors", Label: "part", Args: json.RawMessage(`{}`), Bytes: 100, Days: calendar.NewSet(days), Free: calendar.NewSet(days)}
	}
	require.NoError(t, b.SavePlan(b.ctx, id, days, list))
}

// finishPart marks a part as done that claims all days which it may bring in.
func (b *bundle) finishPart(t *testing.T, part importing.Part, lockToken int64) {
	t.Helper()
	require.NoError(t, b.FinishPart(b.ctx, doneBy(part, lockToken)))
}

// doneBy is a part that is done by a grant of its import's locks.
func doneBy(part importing.Part, lockToken int64) importing.DonePart {
	return importing.DonePart{
		ImportID: part.ImportID, No: part.No, FencingToken: part.FencingToken, LockToken: lockToken, Claims: part.FreeDays,
	}
}

// loaded creates an import of the days in a table and loads it: it has claimed nothing yet.
func (b *bundle) loaded(t *testing.T, table string, days calendar.Range) int64 {
	t.Helper()
	imp := b.create(t)
	set := calendar.NewSet(days)
	require.NoError(t, b.SavePlan(b.ctx, imp.ID, days, []importing.NewPart{{Table: table, Label: "x", Days: set, Free: set}}))
	part, open, err := b.ClaimPart(b.ctx, imp.ID, 0, 0)
	require.NoError(t, err)
	require.True(t, open)
	b.finishPart(t, part, 0)
	return imp.ID
}

// claimed creates an import with one part and claims it.
func (b *bundle) claimed(t *testing.T) importing.Part {
	t.Helper()
	imp := b.create(t)
	b.plan(t, imp.ID, 1)
	part, open, err := b.ClaimPart(b.ctx, imp.ID, 0, 0)
	require.NoError(t, err)
	require.True(t, open)
	return part
}

// exec runs a statement on the database behind the store's back.
func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

// chunk is the checkpoint of a chunk of twelve rows: seven good, of days around 103, two
// bad, one out of range and two left out.
func chunk(part importing.Part, no int32) importing.Checkpoint {
	return importing.Checkpoint{
		Chunk: importing.Chunk{
			ImportID: part.ImportID, PartNo: part.No, No: no, Cursor: "from",
			RowsRead: 12, RowsLoaded: 7, RowsRejected: 2, RowsOutOfRange: 1, RowsLeftOut: 2,
		},
		FencingToken: part.FencingToken, Next: "to", BytesRead: 50,
		Days: &calendar.Range{First: 102 + calendar.Day(no), Last: 104 + calendar.Day(no)},
	}
}

// EnterPhase moves an import to a phase, by no grant of locks.
func (b *bundle) EnterPhase(ctx context.Context, id int64, run, status, phase string) error {
	return b.Store.EnterPhase(ctx, id, importing.Entry{Run: run, Status: status, Phase: phase})
}

// Finish ends an import.
func (b *bundle) Finish(ctx context.Context, id int64, status, reason, class string) error {
	_, err := b.Store.Finish(ctx, id, importing.End{Status: status, Reason: reason, Class: class}, importing.LockLimits{})
	return err
}
