package cli_test

import (
	"io/fs"
	"log/slog"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/components"
)

// A worker has every component that commands know.
func TestWorkerConfig(t *testing.T) {
	t.Parallel()
	settings := config.Default()
	set := components.Stock(settings)
	set.Templates = []fs.FS{fstest.MapFS{}}
	cfg := cli.WorkerConfig(settings, set, client.Options{}, slog.New(slog.DiscardHandler))
	require.Same(t, set.Importers, cfg.Registry)
	require.Same(t, set.Destinations, cfg.Destinations)
	require.Same(t, set.Kinds, cfg.Connections)
	require.Equal(t, set.Templates, cfg.Templates)
}
