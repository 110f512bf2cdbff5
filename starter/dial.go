package starter

import (
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/sluicehq/sluice/config"
)

// TemporalOptions returns the options of a Temporal client, from the environment and
// temporal.toml as all of Temporal's tools read them (TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_..., TEMPORAL_PROFILE). They
// default to the embedded stack.
func TemporalOptions(logger *slog.Logger) (client.Options, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return client.Options{}, fmt.Errorf("read the configuration of the Temporal client: %w", err)
	}
	if options.HostPort == "" {
		options.HostPort = config.DefaultTemporalAddress
	}
	if options.Namespace == "" {
		options.Namespace = config.DefaultNamespace
	}
	options.Logger = log.NewStructuredLogger(logger)
	return options, nil
}
