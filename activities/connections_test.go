package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
	"github.com/sluicehq/sluice/internal/enginetest"
)

// What is wrong with a connection is a result: an error would be tried again, and would
// stand in the history with all that it holds.
func TestConnectionActivity(t *testing.T) {
	t.Parallel()
	const secret = "pl4nted-s3cr3t"
	ctx := enginetest.Context(t)
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	service := &connections.Connections{
		Store: enginetest.Store(t).Deliveries, Vault: connections.NewVault(connections.VaultConfig{Keyset: string(text)}),
		Registry: connections.NewRegistry(connectiontest.Kind{}),
	}
	for _, behave := range []string{connectiontest.BehaveWell, connectiontest.BehaveRefuse} {
		_, err := service.Add(ctx, connections.New{
			Name: behave, Kind: "example", Settings: []byte(`{"behave": "` + behave + `"}`),
			Secrets: map[string]string{"token": secret},
		})
		require.NoError(t, err)
	}
	for name, want := range map[string]activities.ConnectionTested{
		"well": {Lines: []string{"reached https://api.example.com", "credentials accepted"}},
		"refuse": {
			Lines: []string{"reached https://api.example.com"}, Error: `connection refuse: the token "[secret]" is rejected`,
		},
		"unknown": {Error: "connection unknown: no such connection"},
	} {
		tests := &activities.Connections{Service: service}
		got, err := tests.Test(ctx, activities.ConnectionRef{Connection: name})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	without := &activities.Connections{Service: &connections.Connections{Store: service.Store, Registry: service.Registry}}
	got, err := without.Test(ctx, activities.ConnectionRef{Connection: "well"})
	require.NoError(t, err)
	require.Contains(t, got.Error, "open connection well: no key set for the secrets of connections: create one with")
}
