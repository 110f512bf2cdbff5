package worker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
)

// The bounds of the parts of a worker fit its limit: otherwise it collects garbage all the time.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	settings := config.Default()
	require.Equal(t, int64(230<<20), memoryLimit(settings, 0))
	require.Equal(t, int64((230+4*64)<<20), memoryLimit(settings, 4))
}
