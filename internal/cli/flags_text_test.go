package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a flag names is a regular file of bounded size, whichever command reads it.
func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	large := filepath.Join(t.TempDir(), "large.json")
	require.NoError(t, os.WriteFile(large, bytes.Repeat([]byte{' '}, maxInput+1), 0o600))
	s := offline()
	s.stdin = string(bytes.Repeat([]byte{' '}, maxInput+1))
	for _, command := range [][]string{
		{"event", "send", "--source", "a", "--data"},
		{"event", "send", "--source", "a", "--context"},
		{"import", "start", "noop", "--site", "a.com", "--args"},
		{"flow", "test", "--file", "-", "--event"},
	} {
		for text, want := range map[string]string{
			"@" + os.DevNull: "regular file", "@" + large: "larger than", "-": "larger than",
		} {
			r := s.run(t, append(command[:len(command):len(command)], text)...)
			require.Equal(t, exitUsage, r.code, "%v %s: %s", command, text, r.err)
			if command[0] != "flow" {
				require.Contains(t, r.err, want, "%v %s", command, text)
			}
		}
	}
}

// An empty path is the mistake of a shell, not the current folder.
func TestEmptyPathIsRefused(t *testing.T) {
	t.Parallel()
	r := offline().run(t, "import", "start", "csv", "", "--site", "a.com")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "path 1 is empty")
}
