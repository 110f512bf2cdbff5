package syncing_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/syncing"
)

// bundle is a migrated store with the sync news, and a plain connection to its database.
type bundle struct {
	*syncing.Store
	ctx context.Context
	sql *pgx.Conn
}

// until is the end of most windows.
var until = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = syncing.New(opened), sql
	_, err := b.Create(b.ctx, newSync("news"))
	require.NoError(t, err)
	return b
}

func newSync(name string) syncing.NewSync {
	return syncing.NewSync{
		Name: name, FromKind: "mailchimp", FromConnection: "mc", ListID: "1a2d7ebf82", ToKind: "ometria", ToConnection: "om",
		Every: 2 * time.Hour, Settings: json.RawMessage(`{}`), CreatedBy: "ann",
	}
}

// exec runs a statement on the database behind the store's back.
func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

// news returns the sync.
func (b *bundle) news(t *testing.T) syncing.Sync {
	t.Helper()
	row, err := b.Sync(b.ctx, "news")
	require.NoError(t, err)
	return row
}

// begin begins a full load.
func (b *bundle) begin(t *testing.T) syncing.Run {
	t.Helper()
	run, created, err := b.Begin(b.ctx, syncing.NewRun{
		Sync: "news", Version: b.news(t).Version, Kind: syncing.KindFull, Until: until,
	})
	require.NoError(t, err)
	require.True(t, created)
	run, err = b.Claim(b.ctx, run.ID)
	require.NoError(t, err)
	return run
}

// advance records a page.
func (b *bundle) advance(run syncing.Run, p syncing.Page) error {
	_, err := b.Advance(b.ctx, run, []syncing.Page{p})
	return err
}

// page is a page with so many delivered records.
func page(cursor string, done bool, keys ...string) syncing.Page {
	return syncing.Page{
		Cursor: json.RawMessage(cursor), Done: done, Read: int64(len(keys)), Delivered: int64(len(keys)), Keys: keys,
		IDs: []byte(cursor), StopAfter: 10,
	}
}
