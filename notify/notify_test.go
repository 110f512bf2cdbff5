package notify_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/notify"
)

// Twelve attempts take about a day.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for range 100 {
		var total time.Duration
		for attempts := int32(1); attempts < 12; attempts++ {
			wait := notify.Backoff(attempts)
			exact := 45 * time.Second << (attempts - 1)
			require.InDelta(t, exact, wait, float64(exact)*0.2)
			total += wait
		}
		require.InDelta(t, 25*time.Hour, total, float64(6*time.Hour))
		require.LessOrEqual(t, notify.Backoff(100), 29*time.Hour)
		require.Positive(t, notify.Backoff(0))
	}
	first, second := notify.Backoff(5), notify.Backoff(5)
	require.NotEqual(t, first, second, "what failed together must not come back together")
}

func TestNewReportsWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := notify.New(notify.Config{Settings: config.Notify{Webhooks: "ops"}})
	for _, name := range []string{"Store", "Registry", "Logger", "Connections"} {
		require.ErrorContains(t, err, "notify: "+name+" is missing")
	}
}

func TestTemplatesAreCheckedAtTheStart(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, nil)
	b.cfg.Registry = importers.NewRegistry()
	b.cfg.Settings.Templates = "/nowhere"
	_, err := notify.New(b.cfg)
	require.EqualError(t, err, "notify.templates: stat /nowhere: no such file or directory")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "default"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "default", "failure.html.tmpl"), []byte("{{.Nope}}"), 0o600))
	b.cfg.Settings.Templates = dir
	_, err = notify.New(b.cfg)
	require.ErrorContains(t, err, "notify.templates: ")
	require.ErrorContains(t, err, "can't evaluate field Nope")
	b.cfg.Settings.SMTPHost, b.cfg.Settings.Templates = "localhost", ""
	_, err = notify.New(b.cfg)
	require.EqualError(t, err, "notify.smtp_from is not an address")
}
