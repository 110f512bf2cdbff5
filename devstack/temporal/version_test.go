package temporal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/headers"
)

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	ready := `{"server_version":"` + headers.ServerVersion + `","state":"ready"}`
	for name, tc := range map[string]struct {
		db, sidecar string // content, "" for no file
		fresh       bool
		want        string // part of the error
	}{
		"nothing there":                     {fresh: true},
		"ours":                              {db: "x", sidecar: ready},
		"of another version":                {db: "x", sidecar: `{"server_version":"1.2.3","state":"ready"}`, want: "was made by Temporal 1.2.3, and this is " + headers.ServerVersion},
		"of another program":                {db: "x", want: "another program made it"},
		"half made":                         {db: "x", sidecar: `{"server_version":"1.2.3","state":"creating"}`, fresh: true},
		"version left without its database": {sidecar: ready, fresh: true},
		"version file that cannot be read":  {db: "x", sidecar: "{", want: "read database version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "temporal.db")
			for suffix, content := range map[string]string{"": tc.db, versionSuffix: tc.sidecar, visibilitySuffix: tc.db} {
				if content != "" {
					require.NoError(t, os.WriteFile(path+suffix, []byte(content), 0o600))
				}
			}
			fresh, err := checkVersion(path)
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				require.FileExists(t, path, "a refused database is not changed")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.fresh, fresh)
			if fresh {
				require.NoFileExists(t, path)
				require.NoFileExists(t, path+visibilitySuffix)
			}
		})
	}
}

func TestRunRefusesAnotherVersion(t *testing.T) {
	t.Parallel()
	cfg := onFreePort(t, Config{Headless: true, DBFilename: filepath.Join(t.TempDir(), "temporal.db")})
	require.NoError(t, os.WriteFile(cfg.DBFilename, nil, 0o600))
	require.NoError(t, writeVersion(cfg.DBFilename, stateReady))
	version := []byte(`{"server_version":"1.31.0","state":"ready"}`)
	require.NoError(t, os.WriteFile(cfg.DBFilename+versionSuffix, version, 0o600))
	require.ErrorIs(t, Run(t.Context(), cfg), ErrVersion)
}
