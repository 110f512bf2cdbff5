package csv

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

// Content that was imported before is known again wherever it lies; anything else is not.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	const (
		pages    = "imported_pages_20210101_20210131.csv"
		visitors = "imported_visitors_20210101_20210131.csv"
	)
	of := func(f files, name string) string {
		c := New()
		raw, err := json.Marshal(map[string][]string{"paths": {filepath.Join(f.write(t), name)}})
		require.NoError(t, err)
		args, err := c.ParseArgs(raw)
		require.NoError(t, err)
		got, err := c.Fingerprint(t.Context(), importers.Import{Args: args})
		require.NoError(t, err)
		require.LessOrEqual(t, len(got), importers.MaxFingerprint)
		return got
	}
	base := files{pages: "date,page\n2021-01-01,/\n", visitors: "date,visitors\n2021-01-01,1\n"}
	same := of(base, ".")
	require.NotEmpty(t, same)
	require.Equal(t, same, of(base, "."), "in another folder")
	for name, other := range map[string]files{
		"another value":    {pages: base[pages], visitors: "date,visitors\n2021-01-01,2\n"},
		"another file":     {pages: base[pages]},
		"other dates":      {pages: base[pages], "imported_visitors_20210101_20210130.csv": base[visitors]},
		"texts exchanged":  {pages: base[visitors], visitors: base[pages]},
		"compressed":       {pages + ".gz": gzipped(t, base[pages]), visitors: base[visitors]},
		"an archive":       {"export.zip": zipped(t, member{name: pages, text: base[pages]}, member{name: visitors, text: base[visitors]})},
		"another archive":  {"export.zip": zipped(t, member{name: pages, text: base[pages]}, member{name: visitors, text: base[pages]})},
		"one row too many": {pages: base[pages] + "2021-01-02,/\n", visitors: base[visitors]},
	} {
		require.NotEqual(t, same, of(other, "."), name)
	}
	require.NotEqual(t,
		of(files{"export.zip": zipped(t, member{name: pages, text: "a"})}, "export.zip"),
		of(files{"export.zip": zipped(t, member{name: pages, text: "b"})}, "export.zip"))
	require.Empty(t, of(files{"notes.csv": "x"}, "notes.csv"), "what cannot be imported has none: planning says why")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	raw, err := json.Marshal(map[string][]string{"paths": {base.write(t)}})
	require.NoError(t, err)
	_, err = New().Fingerprint(ctx, importers.Import{Args: raw})
	require.ErrorIs(t, err, context.Canceled)
}
