package starter

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/sluicehq/sluice/config"
)

// TemporalOptions returns the options of a Temporal client, from the environment and
// temporal.toml as all of Temporal's tools read them (TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_..., TEMPORAL_PROFILE). They
// default to the embedded stack. environ is the environment as KEY=value; of a
// variable that stands there twice the last one counts.
func TemporalOptions(logger *slog.Logger, environ []string) (client.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: environment(environ)})
	if err != nil {
		return client.Options{}, fmt.Errorf("read the configuration of the Temporal client: %w", err)
	}
	options.HostPort = cmp.Or(options.HostPort, config.DefaultTemporalAddress)
	options.Namespace = cmp.Or(options.Namespace, config.DefaultNamespace)
	options.Logger = log.NewStructuredLogger(slog.New(cancelHandler{logger.Handler()}))
	return options, nil
}

// environment looks variables up in a list.
type environment []string

var _ envconfig.EnvLookup = environment(nil)

// Environ returns the list.
func (e environment) Environ() []string { return e }

// LookupEnv returns the last value of the variable.
func (e environment) LookupEnv(name string) (string, bool) {
	for i := len(e) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(e[i], name+"="); ok {
			return value, true
		}
	}
	return "", false
}
