package cli

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// The commands that rotate and adopt key sets take the secrets of the ingestion with them.
func TestKeysetOfIngestion(t *testing.T) {
	t.Parallel()
	s := ingestSite(t)
	file := filepath.Join(t.TempDir(), "keyset.json")
	s.ok(t, "keyset", "create", "--out", file)
	bare := s
	s.environ = append(slices.Clone(s.environ), "SLUICE_CONNECTIONS_KEYSET_FILE="+file)

	ctx := enginetest.Context(t)
	opened, err := store.Open(ctx, store.Config{DSN: s.setting(t, "SLUICE_STORE_DSN")})
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	sealer := func(file string) *connections.Connections {
		return &connections.Connections{
			Store: deliverystore.New(opened, nil), Vault: connections.NewVault(connections.VaultConfig{KeysetFile: file}),
		}
	}
	ingestion := ingeststore.New(opened)
	_, err = ingesting.NewSecrets(ingestion, sealer(file)).Rotate(ctx, time.Now())
	require.NoError(t, err)
	sealedBy := func() (keys []uint32) {
		all, err := ingestion.Secrets(ctx)
		require.NoError(t, err)
		for _, secret := range all {
			keys = append(keys, secret.KeyID)
		}
		slices.Sort(keys)
		return slices.Compact(keys)
	}
	before := sealedBy()
	require.Len(t, before, 1)
	s.ok(t, "keyset", "rotate", "--file", file)
	s.ok(t, "connection", "rotate", "--all")
	after := sealedBy()
	require.Len(t, after, 1)
	require.NotEqual(t, before, after)

	// The key set is lost.
	other := filepath.Join(t.TempDir(), "other.json")
	s.ok(t, "keyset", "create", "--out", other)
	bare.environ = append(slices.Clone(bare.environ), "SLUICE_CONNECTIONS_KEYSET_FILE="+other)
	require.Equal(t, "replaced 2 secrets of the ingestion; visits of this moment count twice\n"+
		"adopted the key set; it decrypts all connections\n", bare.ok(t, "keyset", "adopt"))
	require.NotEqual(t, after, sealedBy())
	_, err = ingesting.NewSecrets(ingestion, sealer(other)).Rotate(ctx, time.Now())
	require.NoError(t, err)
}
