package starter_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
)

const site = "example.com"

// setup returns a system with a site and without a worker.
func setup(t *testing.T) *enginetest.System {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New()), csv.New()))
	s.AddSite(t, site)
	return s
}

func request(args string) starter.Request {
	return starter.Request{Site: site, Source: "noop", Args: json.RawMessage(args)}
}

// withoutTemporal returns a starter whose Temporal server does not answer.
func withoutTemporal(t *testing.T, s *enginetest.System) *starter.Starter {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: nil})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	away := *s.Starter
	away.Temporal = c
	return &away
}
