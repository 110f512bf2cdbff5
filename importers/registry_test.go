package importers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
)

// named is an importer by another name.
type named struct {
	importers.Importer
	name string
}

func (n named) Name() string { return n.name }

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := importers.NewRegistry(noop.New(), csv.New())
	require.Equal(t, []string{"csv", "noop"}, r.Names(), "sorted, however registered")
	got, err := r.Lookup("csv")
	require.NoError(t, err)
	require.Equal(t, "CSV export", got.Label())
	_, err = r.Lookup("CSV")
	require.EqualError(t, err, `unknown importer "CSV" (want csv, noop)`)
	require.Empty(t, importers.NewRegistry().Names())
}

func TestRegisterPanics(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "importers: Register of a nil importer", func() { importers.NewRegistry(nil) })
	require.PanicsWithValue(t, `importers: "noop" is registered twice`, func() { importers.NewRegistry(noop.New(), noop.New()) })
	for _, name := range []string{"", "A", "9a", "a-b", "a b", "a\n", "é", "_a", string(make([]byte, 51))} {
		require.Panics(t, func() { importers.NewRegistry(named{name: name}) }, "%q", name)
	}
	for _, name := range []string{"a", "google_analytics_4", "a23456789_123456789_123456789_123456789_123456789"} {
		require.NotPanics(t, func() { importers.NewRegistry(named{name: name}) }, "%q", name)
	}
}
