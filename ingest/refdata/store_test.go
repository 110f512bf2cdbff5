package refdata

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/geo"
	"github.com/sluicehq/sluice/ingest/refdata/geo/geotest"
)

// bench is a store on a folder of its own, and what it has logged.
type bench struct {
	folder string
	store  *Store
	log    *bytes.Buffer
	// tick makes each written file newer than the one before.
	tick time.Time
}

func setup(t *testing.T, files map[string]string) *bench {
	t.Helper()
	b := &bench{folder: t.TempDir(), log: &bytes.Buffer{}, tick: time.Unix(1_700_000_000, 0)}
	for name, content := range files {
		b.write(t, name, content)
	}
	var err error
	b.store, err = Open(Config{Folder: b.folder, Logger: slog.New(slog.NewTextHandler(b.log, nil))})
	require.NoError(t, err)
	return b
}

func (b *bench) write(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(b.folder, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	b.tick = b.tick.Add(time.Second)
	require.NoError(t, os.Chtimes(file, b.tick, b.tick))
}

// lines counts the lines of the log that have all of the texts.
func (b *bench) lines(texts ...string) int {
	count := 0
	for line := range strings.Lines(b.log.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			count++
		}
	}
	return count
}

func city(country string) string {
	return string(geotest.Database("Test-City", map[string]map[string]any{"192.0.2.0/24": geotest.City(country, 7)}))
}

func (b *bench) country(t *testing.T) string {
	t.Helper()
	location, err := b.store.Data().Locations.Lookup(netip.MustParseAddr("192.0.2.1"))
	require.NoError(t, err)
	return location.Country
}

func TestMissingIsSaidOnceWithItsCure(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.store.Reload()
	require.Equal(t, len(kinds), b.lines("reference data is missing"))
	require.Equal(t, 1, b.lines("level=WARN", "data=locations", "make refdata", "events have no country"))
	data := b.store.Data()
	require.Nil(t, data.Locations)
	require.True(t, data.Bots.Match("generic crawler"))
	require.True(t, data.Spam.Has("www.1-best-seo.com"))
	require.Equal(t, "Facebook", data.Sources.Name("fb"))
	require.False(t, data.HasDataCentres())

	none, err := Open(Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NotNil(t, none.Data())
	_, err = Open(Config{Interval: -1})
	require.ErrorContains(t, err, "interval is -1ns")
	require.ErrorContains(t, err, "logger is missing")
}

func TestLoads(t *testing.T) {
	t.Parallel()
	isbot, err := os.ReadFile("bots/testdata/isbot-5.2.3.mjs")
	require.NoError(t, err)
	b := setup(t, map[string]string{
		npmBots: string(isbot), npmCountry: city("FR"), FileSpam: "spam.example\n", FileAIAssistants: "Small AI:\n  - ai.example\n",
		FileSocials:       "Small Network:\n  - social.example\n  - ai.example\nTwitter:\n  - x.com\n",
		FileSearchEngines: "Small Search:\n  -\n    urls: [search.example]\n",
		FileNetworks:      "198.51.100.0/24\n", FileNumbers: "asn,name\n64500,Cloud\n", FileRates: `{"base":"USD","rates":{"EUR":0.5}}`,
		FileASN: string(geotest.Database("Test-ASN", map[string]map[string]any{
			"203.0.113.0/24": {"autonomous_system_number": uint32(64500)}, "192.0.2.0/24": {"autonomous_system_number": uint32(64501)},
		})),
	})
	require.Equal(t, len(kinds), b.lines("loaded reference data"), b.log)
	data := b.store.Data()
	require.Equal(t, 206, data.Bots.Len())
	require.Equal(t, "FR", b.country(t))
	require.True(t, data.Spam.Has("spam.example"))
	require.Equal(t, "0.5", data.Rates["EUR"].String())
	for host, want := range map[string]string{
		"ai.example": "Small AI", "social.example": "Small Network", "search.example": "Small Search", "x.com": "X (Twitter)",
	} {
		require.Equal(t, want, data.Sources.Name(host))
	}
	require.True(t, data.HasDataCentres())
	for ip, want := range map[string]struct {
		found bool
		asn   uint32
	}{
		"198.51.100.7": {true, 0}, "203.0.113.7": {true, 64500}, "192.0.2.7": {false, 64501}, "10.0.0.1": {},
	} {
		found, asn := data.DataCentre(netip.MustParseAddr(ip))
		require.Equal(t, want.found, found, ip)
		require.Equal(t, want.asn, asn, ip)
	}

	// The operator's own file is preferred to the package's.
	b.write(t, FileCity, city("DE"))
	b.store.Reload()
	require.Equal(t, "DE", b.country(t))
}

func TestReload(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{FileCity: city("FR"), FileSpam: "spam.example\n"})
	before := b.store.Data()
	b.store.Reload()
	require.Same(t, before, b.store.Data(), "nothing has changed")

	b.write(t, FileCity, city("DE"))
	b.store.Reload()
	require.Equal(t, "DE", b.country(t))
	require.True(t, b.store.Data().Spam.Has("spam.example"))
	location, err := before.Locations.Lookup(netip.MustParseAddr("192.0.2.1"))
	require.NoError(t, err)
	require.Equal(t, geo.Location{Country: "FR", City: 7}, location, "a reader of the old data is not disturbed")

	// Damaged: the last good data stays, and it is said once a version.
	b.write(t, FileCity, "<html>502</html>")
	b.store.Reload()
	b.store.Reload()
	require.Equal(t, 1, b.lines("level=ERROR", FileCity, "damaged"), b.log)
	require.Equal(t, "DE", b.country(t))
	b.write(t, FileCity, "<html>503</html>")
	b.store.Reload()
	require.Equal(t, 2, b.lines("level=ERROR", FileCity, "damaged"), b.log)

	// Gone: the same.
	require.NoError(t, os.Remove(filepath.Join(b.folder, FileCity)))
	b.store.Reload()
	b.store.Reload()
	require.Equal(t, 1, b.lines("level=WARN", "is gone"), b.log)
	require.Equal(t, "DE", b.country(t))
	b.write(t, FileCity, city("ES"))
	b.store.Reload()
	require.Equal(t, "ES", b.country(t))

	require.NoError(t, os.Mkdir(filepath.Join(b.folder, FileRates), 0o700))
	require.NoError(t, os.Remove(filepath.Join(b.folder, FileSpam)))
	b.store.Reload()
	require.True(t, b.store.Data().Spam.Has("spam.example"))
}

// Files change while readers use the data.
func TestReloadWhileReading(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{FileCity: city("FR")})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	wrong := make(chan string, 4)
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				location, err := b.store.Data().Locations.Lookup(netip.MustParseAddr("192.0.2.1"))
				if err != nil || location.Country != "FR" && location.Country != "DE" {
					wrong <- location.Country
					return
				}
			}
		})
	}
	for i := range 20 {
		b.write(t, FileCity, city([]string{"DE", "FR"}[i%2]))
		b.store.Reload()
	}
	close(stop)
	readers.Wait()
	require.Empty(t, wrong)
}

func TestRunReloads(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{FileCity: city("FR")})
	b.store.config.Interval = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.store.Run(ctx)
		close(done)
	}()
	b.write(t, FileCity, city("DE"))
	require.Eventually(t, func() bool {
		location, err := b.store.Data().Locations.Lookup(netip.MustParseAddr("192.0.2.1"))
		return err == nil && location.Country == "DE"
	}, 30*time.Second, time.Millisecond)
	cancel()
	<-done
}
