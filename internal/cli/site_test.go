package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
)

// databases returns a shell with databases of its own and nothing else.
func databases(t *testing.T) shell {
	t.Helper()
	return shell{environ: append(offline().environ,
		"SLUICE_STORE_DSN="+enginetest.StoreDSN(t), "SLUICE_WAREHOUSE_DSN="+enginetest.WarehouseDSN(t))}
}

// storeShell returns a shell with a migrated store, and without a warehouse.
func storeShell(t *testing.T) shell {
	t.Helper()
	return shell{environ: append(offline().environ, "SLUICE_STORE_DSN="+enginetest.MigratedStoreDSN(t))}
}

// withWarehouse returns the shell with a migrated warehouse.
func (s shell) withWarehouse(t *testing.T) shell {
	t.Helper()
	s.environ = append(s.environ, "SLUICE_WAREHOUSE_DSN="+enginetest.WarehouseDSN(t))
	s.ok(t, "migrate", "up")
	return s
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	s := databases(t)
	golden(t, "migrate-status-pending", s.ok(t, "migrate", "status"))
	golden(t, "migrate-up", s.ok(t, "migrate", "up"))
	golden(t, "migrate-up-again", s.ok(t, "migrate", "up"))
	golden(t, "migrate-status", s.ok(t, "migrate", "status"))

	var applied []struct {
		Database string
		Applied  int
	}
	s.json(t, &applied, "migrate", "up")
	require.Len(t, applied, 2)
	require.Equal(t, "store", applied[0].Database)
	require.Zero(t, applied[0].Applied)

	var all []struct {
		Database  string
		Version   int64
		Name      string
		AppliedAt time.Time `json:"applied_at"`
	}
	s.json(t, &all, "migrate", "status")
	require.NotEmpty(t, all)
	for _, one := range all {
		require.Contains(t, []string{"store", "warehouse"}, one.Database)
		require.Positive(t, one.Version)
		require.Contains(t, one.Name, ".sql")
		require.False(t, one.AppliedAt.IsZero())
	}
}

func TestSites(t *testing.T) {
	t.Parallel()
	s := storeShell(t)
	require.Equal(t, "No sites found. Add one with `sluice site add DOMAIN`.\n", s.ok(t, "site", "list"))
	require.Equal(t, "[]\n", s.ok(t, "site", "list", "-o", "json"))

	require.Equal(t, "added site 1, example.com (Europe/Berlin)\n",
		s.ok(t, "site", "add", "Example.com", "--timezone", "Europe/Berlin"))
	s.fails(t, "site example.com: taken already: see `sluice site list`", "site", "add", "example.com")

	type site struct {
		ID          int64
		Domain      string
		TimeZone    string  `json:"timezone"`
		NativeStart *string `json:"native_start"`
		Contacts    []string
		CreatedAt   time.Time `json:"created_at"`
	}
	s.fails(t, `--contact "ann" is not an e-mail address: want an address such as ann@example.com`,
		"site", "add", "shop.example.com", "--contact", "ann")
	var added site
	s.json(t, &added, "site", "add", "shop.example.com", "--native-start", "2024-01-31",
		"--contact", "ann@example.com", "--contact", "bob@example.com")
	require.Equal(t, []string{"ann@example.com", "bob@example.com"}, added.Contacts)
	require.Equal(t, "shop.example.com", added.Domain)
	require.Equal(t, "UTC", added.TimeZone)
	require.Equal(t, "2024-01-31", *added.NativeStart)
	require.WithinDuration(t, time.Now(), added.CreatedAt, time.Minute)

	golden(t, "site-list", s.ok(t, "site", "list"))
	var all []site
	s.json(t, &all, "site", "list")
	require.Len(t, all, 2)
	require.Equal(t, added, all[1])
	require.Nil(t, all[0].NativeStart)
}
