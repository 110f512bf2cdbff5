package cli_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/cli"
)

// Every worker knows all that commands know: what somebody starts or sends, somebody carries
// out.
func TestWorkerConfig(t *testing.T) {
	t.Parallel()
	settings := config.Default()
	cfg := cli.WorkerConfig(settings, client.Options{}, slog.New(slog.DiscardHandler))
	require.Equal(t, cli.Importers(settings).Names(), cfg.Registry.Names())
	require.Equal(t, cli.Destinations(settings.Connections).Names(), cfg.Destinations.Names())
	require.NotEmpty(t, cfg.Destinations.Names())
	require.NotNil(t, cfg.Connections)
}
