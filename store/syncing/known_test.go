package syncing_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/syncing"
)

// parts returns what the last scan has kept, and its row.
func (b *bundle) parts(t *testing.T) (parts []string, last syncing.Known) {
	t.Helper()
	last, _, err := b.LastScan(b.ctx, "news")
	require.NoError(t, err)
	require.NoError(t, b.EachKnownPart(b.ctx, last, func(p syncing.KnownPart) error {
		parts = append(parts, fmt.Sprint(string(p.Records), " ", p.Missing))
		return nil
	}))
	return parts, last
}

// scan begins a scan and adds parts to it, the last of which was missing.
func (b *bundle) scan(t *testing.T, parts ...string) int64 {
	t.Helper()
	scan, err := b.BeginScan(b.ctx, "news")
	require.NoError(t, err)
	for i, records := range parts {
		require.NoError(t, b.AddKnownPart(b.ctx, syncing.KnownPart{
			Sync: "news", Scan: scan, Part: int64(i + 1), Missing: i == len(parts)-1, Records: []byte(records),
		}))
	}
	return scan
}

// A scan takes over the sets of the pages that it has read, and no later ones, and replaces the parts of the one before.
func TestSaveScan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, ok, err := b.LastScan(b.ctx, "news")
	require.NoError(t, err)
	require.False(t, ok)
	before, last := b.parts(t)
	require.Empty(t, before)
	require.Zero(t, last)
	run := b.begin(t)
	require.NoError(t, b.advance(run, page(`{"at":1}`, false, "a")))
	read := func() (all []string, last syncing.Place) {
		last, err := b.EachIDs(b.ctx, "news", func(ids []byte) error {
			all = append(all, string(ids))
			return nil
		})
		require.NoError(t, err)
		return all, last
	}
	sets, place := read()
	require.Equal(t, []string{`{"at":1}`}, sets)
	require.NoError(t, b.advance(run, page(`{"at":2}`, true, "b")))
	// More parts than are read at a time.
	texts := strings.Split("abcdefgh", "")
	scan := b.scan(t, texts...)
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{
		Sync: "news", Scan: scan, Parts: 8, Found: 2, MissingCount: 1, Deleted: 1, TakenOver: place,
		Rejects: []syncing.NewReject{{Key: "z", Stage: "write", Reason: "refused"}},
	}))
	sets, place = read()
	require.Equal(t, []string{`{"at":2}`}, sets)
	parts, last := b.parts(t)
	require.Equal(t, []string{"a false", "b false", "c false", "d false", "e false", "f false", "g false", "h true"}, parts)
	require.Equal(t, []int64{scan, 8, 2}, []int64{last.Scan, last.Parts, last.Found})

	// Too many are missing: what is known stays, and so do the sets of pages.
	exceeded := b.scan(t, "x")
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{
		Sync: "news", Before: scan, Scan: exceeded, Parts: 1, Gone: []string{"z"}, Exceeded: true, MissingCount: 7, TakenOver: place,
	}))
	n, err := b.CountRejects(b.ctx, "news")
	require.NoError(t, err)
	require.Zero(t, n)
	same, last := b.parts(t)
	require.Equal(t, parts, same)
	require.Equal(t, []int64{scan, 7}, []int64{last.Scan, last.MissingCount})
	require.True(t, last.Exceeded)
	sets, _ = read()
	require.Equal(t, []string{`{"at":2}`}, sets)

	next := b.scan(t, "y")
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Before: scan, Scan: next, Parts: 1, TakenOver: place}))
	parts, _ = b.parts(t)
	require.Equal(t, []string{"y true"}, parts)
	var rows int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM sync_known_parts").Scan(&rows))
	require.Equal(t, 1, rows, "the parts of earlier scans are removed")
	require.NoError(t, b.ForgetIDs(b.ctx, "news"))
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM sync_known_parts").Scan(&rows))
	require.Zero(t, rows)
}

// Of two scans at the same time one is recorded: the other would have what was known before, or lack parts.
func TestConcurrentScans(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dead := b.scan(t, "dead")
	live := b.scan(t, "live")
	require.NoError(t, b.AddKnownPart(b.ctx, syncing.KnownPart{Sync: "news", Scan: dead, Part: 2, Records: []byte("late")}))
	err := b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Scan: dead, Parts: 2})
	require.ErrorIs(t, err, store.ErrFenced)
	require.ErrorContains(t, err, "has 1 parts: want 2")
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Scan: live, Parts: 1}))
	err = b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Scan: live, Parts: 1})
	require.ErrorIs(t, err, store.ErrFenced, "it was compared with what was known before")
	parts, last := b.parts(t)
	require.Equal(t, []string{"live true"}, parts)
	// A part that is lost is noticed.
	b.exec(t, "DELETE FROM sync_known_parts")
	err = b.EachKnownPart(b.ctx, last, func(syncing.KnownPart) error { return nil })
	require.ErrorContains(t, err, "it has 0 parts: want 1")
	require.ErrorIs(t, err, syncing.ErrPartsLost)
	// So is a scan that has replaced them.
	next := b.scan(t, "a", "b")
	require.NoError(t, b.AddKnownPart(b.ctx, syncing.KnownPart{Sync: "news", Scan: live, Part: 1, Records: []byte("lost")}))
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Before: live, Scan: next, Parts: 2}))
	err = b.EachKnownPart(b.ctx, last, func(syncing.KnownPart) error { return nil })
	require.ErrorIs(t, err, store.ErrFenced)
	_, err = b.BeginScan(b.ctx, "other")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// What scans have kept in one set each becomes parts by the migration.
func TestMigrateKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `DROP TABLE sync_known_parts; DROP SEQUENCE sync_scans;
		ALTER TABLE sync_known DROP COLUMN scan, DROP COLUMN parts, ADD COLUMN known bytea, ADD COLUMN missing bytea`)
	_, err := b.Create(b.ctx, newSync("empty"))
	require.NoError(t, err)
	b.exec(t, `INSERT INTO sync_known (sync, known, missing, scanned_at, found, missing_count, deleted, exceeded)
		VALUES ('news', 'known', 'missing', now(), 3, 1, 0, false), ('empty', NULL, '', now(), 0, 0, 0, false)`)
	statements, err := os.ReadFile("../migrations/00112_sync_known_parts.sql")
	require.NoError(t, err)
	b.exec(t, string(statements))
	parts, last := b.parts(t)
	require.Equal(t, []string{"known false", "missing true"}, parts)
	require.EqualValues(t, 3, last.Found)
	empty, _, err := b.LastScan(b.ctx, "empty")
	require.NoError(t, err)
	require.Zero(t, empty.Parts)
	scan := b.scan(t, "new")
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Before: last.Scan, Scan: scan, Parts: 1}))
	parts, _ = b.parts(t)
	require.Equal(t, []string{"new true"}, parts)
}
