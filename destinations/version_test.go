package destinations_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	d := destination("crm", "upsert")
	d.options = destinations.Options{DefaultVersion: "v2", Versions: map[string]time.Time{
		"v1": now.Add(-time.Hour), "v2": {}, "v3": now.Add(time.Hour),
	}}
	var log bytes.Buffer
	v := &destinations.Versions{Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }}
	version := must[string](t)
	require.Equal(t, "v2", version(v.Resolve(d, "")))
	require.Equal(t, "v2", version(v.Resolve(d, "v2")))
	require.Equal(t, "v3", version(v.Resolve(d, "v3")), "its time has not come")
	require.Empty(t, log.String())
	for range 3 {
		require.Equal(t, "v1", version(v.Resolve(d, "v1")))
	}
	require.Equal(t, 1, strings.Count(log.String(), "deprecated_since=2026-01-31"), "warned once")
	now = now.Add(2 * time.Hour)
	require.Equal(t, "v3", version(v.Resolve(d, "v3")))
	require.Equal(t, 1, strings.Count(log.String(), "version=v3"))

	_, err := v.Resolve(d, "v0")
	require.ErrorIs(t, err, destinations.ErrVersion)
	require.EqualError(t, err, `crm: version "v0": the destination does not know the version: it takes v1, v2, v3`)
	plain := destination("mail", "send")
	require.Empty(t, version(v.Resolve(plain, "")))
	_, err = v.Resolve(plain, "v1")
	require.ErrorContains(t, err, "it takes none")
	// Without a logger nothing is warned of, and nothing breaks.
	require.Equal(t, "v1", version((&destinations.Versions{}).Resolve(d, "v1")))
}
