package docs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheReceiverIsTested: what the page about notifications shows stands in a test.
func TestTheReceiverIsTested(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../notify/example_test.go")
	require.NoError(t, err)
	quoted := 0
	for _, m := range codeBlock.FindAllStringSubmatch(pages(t)["notifications.md"], -1) {
		if m[1] == "go" {
			require.Contains(t, string(source), strings.TrimSpace(m[2]))
			quoted++
		}
	}
	require.Equal(t, 1, quoted)
}
