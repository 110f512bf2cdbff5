package migrationtest

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite golden files")

// AppendOnly compares migration files with a list of names and checksums. A listed file is released
// and must never change, because databases were migrated with it. Run the test with -update to add
// new files to the list; it keeps the existing lines.
func AppendOnly(t *testing.T, files fs.FS, golden string) {
	t.Helper()
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var list bytes.Buffer
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		_, err = fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(text), name)
		require.NoError(t, err)
	}
	want, err := os.ReadFile(golden)
	if *update {
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		require.True(t, strings.HasPrefix(list.String(), string(want)),
			"a released migration was changed: undo it and add a new one; a line of %s that was never released may be deleted",
			golden)
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
		require.NoError(t, os.WriteFile(golden, list.Bytes(), 0o600))
		return
	}
	require.NoError(t, err)
	require.Equal(t, string(want), list.String(),
		"migrations are only ever added: restore the old ones, and add new ones to %s with -update", golden)
}
