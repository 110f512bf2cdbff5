//go:build unix && !linux

package killtest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// processesOf returns the command lines of the processes that name a data folder: the
// engines themselves and PostgreSQL's own.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	lines, err := exec.Command("ps", "-axww", "-o", "command=").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}
