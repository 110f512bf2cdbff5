package importing_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
)

func TestSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	native := calendar.Day(18628)
	added, err := b.AddSite(b.ctx, importing.NewSite{
		Domain: "a.example.com", TimeZone: "UTC", NativeStart: &native, Contacts: []string{"ann@example.com"},
	})
	require.NoError(t, err)
	got, err := b.Site(b.ctx, "a.example.com")
	require.NoError(t, err)
	require.Equal(t, added, got)
	require.Equal(t, native, *got.NativeStart)
	byID, err := b.SiteByID(b.ctx, added.ID)
	require.NoError(t, err)
	require.Equal(t, added, byID)

	_, err = b.AddSite(b.ctx, importing.NewSite{Domain: "a.example.com", TimeZone: "UTC"})
	require.ErrorIs(t, err, store.ErrTaken)
	require.EqualError(t, err, "site a.example.com: taken already")
	_, err = b.AddSite(b.ctx, importing.NewSite{Domain: "Upper.example.com", TimeZone: "UTC"})
	require.ErrorContains(t, err, "sites_domain_check", "the database refuses what the caller let pass")
	_, err = b.Site(b.ctx, "b.example.com")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "site b.example.com: not found")

	all, err := b.ListSites(b.ctx, importing.SiteFilter{}, "", 0)
	require.NoError(t, err)
	require.Equal(t, []importing.Site{added, b.site}, all, "by domain")
	for _, c := range []struct {
		domains []string
		after   string
		limit   int
		want    []importing.Site
	}{
		{nil, "", 1, []importing.Site{added}},
		{nil, added.Domain, 0, []importing.Site{b.site}},
		{[]string{b.site.Domain, "gone.example.com"}, "", 0, []importing.Site{b.site}},
		{[]string{added.Domain}, added.Domain, 0, []importing.Site{}},
		{[]string{}, "", 0, []importing.Site{}},
	} {
		some, err := b.ListSites(b.ctx, importing.SiteFilter{Domains: c.domains}, c.after, c.limit)
		require.NoError(t, err)
		require.Equal(t, c.want, some, "%v after %q, %d", c.domains, c.after, c.limit)
	}
}

func TestCreateImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	require.Equal(t, importing.StatusQueued, imp.Status)
	require.Equal(t, importing.PhaseQueued, imp.Phase)
	require.Empty(t, imp.Days)
	require.Nil(t, imp.StartedAt)
	require.JSONEq(t, `{"rows": 1}`, string(imp.Args))
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, imp, got)

	_, err = b.Import(b.ctx, 404)
	require.ErrorIs(t, err, store.ErrNotFound)

	bad := b.newImport("")
	bad.Parallelism = 65
	_, _, err = b.CreateImport(b.ctx, bad)
	require.ErrorContains(t, err, "create import: ")
	require.ErrorContains(t, err, "imports_parallelism_check")
}

// A site has as many imports as it may: those that brought in something, or still may.
// What ended otherwise does not count, nor do another site's.
func TestImportsPerSite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	limited := b.newImport("")
	limited.MaxPerSite = 2
	first, _, err := b.CreateImport(b.ctx, limited)
	require.NoError(t, err)
	require.NoError(t, b.Finish(b.ctx, first.ID, importing.StatusCompleted, "", ""))
	second, _, err := b.CreateImport(b.ctx, limited)
	require.NoError(t, err)
	_, _, err = b.CreateImport(b.ctx, limited)
	require.ErrorIs(t, err, store.ErrLimit)
	require.EqualError(t, err, "the site has 2 imports, and may have 2: limit reached")
	other, err := b.AddSite(b.ctx, importing.NewSite{Domain: "other.example.com", TimeZone: "UTC"})
	require.NoError(t, err)
	elsewhere := limited
	elsewhere.SiteID = other.ID
	_, _, err = b.CreateImport(b.ctx, elsewhere)
	require.NoError(t, err)
	for _, status := range []string{importing.StatusFailed, importing.StatusCancelled, importing.StatusDeclined, importing.StatusUnchanged} {
		require.NoError(t, b.Finish(b.ctx, second.ID, status, "", ""))
		second, _, err = b.CreateImport(b.ctx, limited)
		require.NoError(t, err, status)
	}
}

func TestOneMoreAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	limited := b.newImport("")
	limited.MaxPerSite = 3
	refused := 0
	for _, err := range enginetest.AtOnce(10, func(int) error {
		_, _, err := b.CreateImport(b.ctx, limited)
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, store.ErrLimit)
			refused++
		}
	}
	require.Equal(t, 7, refused)
}

// A start that is repeated, also at the same time, finds the import of the first,
// whether that is under way or has ended.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const repeats = 20
	imports, created := make([]importing.Import, repeats), make([]bool, repeats)
	errs := enginetest.AtOnce(repeats, func(i int) (err error) {
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

	_, made, err := b.CreateImport(b.ctx, b.newImport("twice"))
	require.NoError(t, err)
	require.True(t, made, "another key is another import")
	require.NoError(t, b.Finish(b.ctx, imports[0].ID, importing.StatusFailed, "x", "y"))
	again, made, err := b.CreateImport(b.ctx, b.newImport("once"))
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, imports[0].ID, again.ID)
	require.Equal(t, importing.StatusFailed, again.Status)

	// Under way is another import now; the repetition of the first is still one.
	second := b.create(t)
	again, made, err = b.CreateImport(b.ctx, b.newImport("once"))
	require.NoError(t, err)
	require.False(t, made)
	require.NotEqual(t, second.ID, again.ID)
}
