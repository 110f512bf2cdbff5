package wiring_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/wiring"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

func TestWarehouse(t *testing.T) {
	t.Parallel()
	require.Equal(t, warehouse.Config{
		DSN: "d", Cluster: "c", MaxConns: 3, InsertTimeout: time.Minute,
		TLS: warehouse.TLSConfig{CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "name"},
	}, wiring.Warehouse(config.Warehouse{
		DSN: "d", Cluster: "c", MaxConns: 3, InsertTimeout: time.Minute,
		CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "name",
	}))
}

// The key set itself comes before its file, which defaults to the embedded stack's.
func TestVault(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SLUICE_DEV_DATA", dir)
	require.Equal(t, connections.VaultConfig{Keyset: "text"}, wiring.Vault(config.Connections{Keyset: "text"}))
	require.Equal(t, connections.VaultConfig{KeysetFile: "/k.json"}, wiring.Vault(config.Connections{KeysetFile: "/k.json"}))
	require.Equal(t, connections.VaultConfig{KeysetFile: filepath.Join(dir, "keyset.json")}, wiring.Vault(config.Connections{}))
}

func TestLockLimits(t *testing.T) {
	t.Parallel()
	require.Equal(t, importstore.LockLimits{Running: 2, RunningPerSite: 1},
		wiring.LockLimits(config.Limits{ImportsPerSite: 3, Running: 2, RunningPerSite: 1}))
}

func TestPipeline(t *testing.T) {
	t.Parallel()
	require.Equal(t, ingest.Config{
		Bots: ingest.ModeTag, DataCentres: ingest.ModeDrop, AllowIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		AllowASNs: []uint32{13335}, AllowUserAgents: []string{"probe"}, VerificationAgent: "agent",
	}, wiring.Pipeline(config.Ingest{
		Bots: "tag", DataCentres: "drop", AllowIPs: "10.0.0.0/8", AllowASNs: "13335", AllowUserAgents: "probe",
		VerificationAgent: "agent",
	}))
}

func TestMailServer(t *testing.T) {
	t.Parallel()
	require.Equal(t, smtp.Config{
		Host: "h", Port: 25, TLS: smtp.ImplicitTLS, CAFile: "ca", Username: "u", Password: "p", From: "f",
	}, wiring.MailServer(config.Notify{
		SMTPHost: "h", SMTPPort: 25, SMTPTLS: config.SMTPTLS, SMTPCAFile: "ca", SMTPUsername: "u", SMTPPassword: "p",
		SMTPFrom: "f",
	}))
	require.Equal(t, []string{smtp.StartTLS, smtp.Cleartext}, []string{config.SMTPStartTLS, config.SMTPPlain})
}

// Events are purged in states in which the store lets them be purged, and in no other.
func TestStatesOfRetention(t *testing.T) {
	t.Parallel()
	for _, state := range deliverystore.JobStates() {
		settings := config.Default()
		settings.Retention.States = state
		err := settings.Validate()
		if slices.Contains(deliverystore.EndedStates(), state) {
			require.NoError(t, err, state)
		} else {
			require.ErrorContains(t, err, "retention.states has", state)
		}
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := wiring.Logger(config.Log{Level: slog.LevelWarn, Format: "json"}, &out)
	log.Warn("shown", "import_id", 3)
	log.Info("hidden")
	var line struct {
		Msg      string `json:"msg"`
		ImportID int    `json:"import_id"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "shown", line.Msg)
	require.Equal(t, 3, line.ImportID)

	out.Reset()
	wiring.Logger(config.Log{Format: "text"}, &out).Info("shown", "import_id", 3)
	require.Contains(t, out.String(), "level=INFO msg=shown import_id=3\n")
}

// The configuration bounds the streams by the partitions that a new log has.
func TestPartitionsOfANewLog(t *testing.T) {
	t.Parallel()
	c := config.Default()
	require.Zero(t, wiring.EventLog(c.EventLog, slog.Default()).Partitions)
	c.EventLog.Streams = eventlog.DefaultPartitions
	require.NoError(t, c.Validate())
	c.EventLog.Streams++
	require.ErrorContains(t, c.Validate(), "eventlog.streams is 5")
}
