package csv

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with testdata/golden/<test name>.txt. The directory of a
// test's files is written as DIR.
func golden(t *testing.T, text, dir string) {
	t.Helper()
	text = strings.ReplaceAll(text, dir, "DIR") + "\n"
	path := filepath.Join("testdata", "golden", strings.NewReplacer("/", "__").Replace(t.Name())+".txt")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), text)
}
