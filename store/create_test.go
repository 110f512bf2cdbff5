package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
)

func TestSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	native := calendar.Day(18628)
	added, err := b.AddSite(b.ctx, "a.example.com", "UTC", &native)
	require.NoError(t, err)
	got, err := b.Site(b.ctx, "a.example.com")
	require.NoError(t, err)
	require.Equal(t, added, got)
	require.Equal(t, native, *got.NativeStart)
	byID, err := b.SiteByID(b.ctx, added.ID)
	require.NoError(t, err)
	require.Equal(t, added, byID)

	_, err = b.AddSite(b.ctx, "a.example.com", "UTC", nil)
	require.ErrorIs(t, err, store.ErrTaken)
	require.EqualError(t, err, "site a.example.com: taken already")
	_, err = b.AddSite(b.ctx, "Upper.example.com", "UTC", nil)
	require.ErrorContains(t, err, "sites_domain_check", "the database refuses what the caller let pass")
	_, err = b.Site(b.ctx, "b.example.com")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "site b.example.com: not found")

	all, err := b.ListSites(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []store.Site{added, b.site}, all, "by domain")
}

func TestCreateImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	require.Equal(t, store.StatusQueued, imp.Status)
	require.Equal(t, store.PhaseQueued, imp.Phase)
	require.Empty(t, imp.Days)
	require.Nil(t, imp.StartedAt)
	require.JSONEq(t, `{"rows": 1}`, string(imp.Args))
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, imp, got)

	_, _, err = b.CreateImport(b.ctx, b.newImport(""))
	require.ErrorIs(t, err, store.ErrInProgress)
	require.EqualError(t, err, "import 1 is queued: an import of the site is in progress")
	_, err = b.Import(b.ctx, 404)
	require.ErrorIs(t, err, store.ErrNotFound)

	bad := b.newImport("")
	bad.Parallelism = 65
	_, _, err = b.CreateImport(b.ctx, bad)
	require.ErrorContains(t, err, "create import: ")
	require.ErrorContains(t, err, "imports_parallelism_check")
}

// Another site's import does not stand in the way, nor does one that has ended.
func TestCreateImportBesideOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.create(t)
	other, err := b.AddSite(b.ctx, "other.example.com", "UTC", nil)
	require.NoError(t, err)
	n := b.newImport("")
	n.SiteID = other.ID
	_, created, err := b.CreateImport(b.ctx, n)
	require.NoError(t, err)
	require.True(t, created)
	for _, status := range []string{store.StatusCompleted, store.StatusFailed, store.StatusCancelled} {
		require.NoError(t, b.Finish(b.ctx, first.ID, status, "", ""))
		first = b.create(t)
	}
}

func TestTwoImportsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refused := 0
	for _, err := range atOnce(2, func(int) error {
		_, _, err := b.CreateImport(b.ctx, b.newImport(""))
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, store.ErrInProgress)
			refused++
		}
	}
	require.Equal(t, 1, refused)
}

// A start that is repeated, also at the same time, finds the import of the first,
// whether that is under way or has ended.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const repeats = 20
	imports, created := make([]store.Import, repeats), make([]bool, repeats)
	errs := atOnce(repeats, func(i int) (err error) {
		imports[i], created[i], err = b.CreateImport(b.ctx, b.newImport("once"))
		return err
	})
	require.NoError(t, errors.Join(errs...))
	times := 0
	for i, imp := range imports {
		require.Equal(t, imports[0].ID, imp.ID)
		if created[i] {
			times++
		}
	}
	require.Equal(t, 1, times)

	_, _, err := b.CreateImport(b.ctx, b.newImport("twice"))
	require.ErrorIs(t, err, store.ErrInProgress, "another key is another import")
	require.NoError(t, b.Finish(b.ctx, imports[0].ID, store.StatusFailed, "x", "y"))
	again, made, err := b.CreateImport(b.ctx, b.newImport("once"))
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, imports[0].ID, again.ID)
	require.Equal(t, store.StatusFailed, again.Status)

	// Under way is another import now; the repetition of the first is still one.
	second := b.create(t)
	again, made, err = b.CreateImport(b.ctx, b.newImport("once"))
	require.NoError(t, err)
	require.False(t, made)
	require.NotEqual(t, second.ID, again.ID)
}
