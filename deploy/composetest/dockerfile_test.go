package composetest

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingest/refdata"
)

func TestDockerfile(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	dockerfile := string(content)

	t.Run("base images are pinned", func(t *testing.T) {
		t.Parallel()
		bases := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1)
		require.Len(t, bases, 4)
		for _, base := range bases[:2] {
			require.Regexp(t, `^node:\d+\.\d+\.\d+-alpine$`, base[1])
		}
		require.Regexp(t, `^golang:\d+\.\d+\.\d+-alpine$`, bases[2][1])
		require.Equal(t, "scratch", bases[3][1])
	})
	t.Run("has the scripts of the pages inside", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, dockerfile, "COPY server/pages/npm/package.json server/pages/npm/package-lock.json ./\n")
		require.Contains(t, dockerfile, "COPY --from=scripts /npm/node_modules server/pages/npm/node_modules\n")
		require.Regexp(t, `go build .*-tags \S*\bassets\b`, dockerfile)
	})
	t.Run("the compiler is new enough for the module", func(t *testing.T) {
		t.Parallel()
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		require.NoError(t, err)
		wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
		require.Len(t, wanted, 2)
		require.Contains(t, dockerfile, "FROM golang:"+wanted[1]+".")
	})
	t.Run("runs the worker without privileges", func(t *testing.T) {
		t.Parallel()
		require.Regexp(t, `(?m)^USER [1-9]\d*:[1-9]\d*$`, dockerfile)
		require.Regexp(t, `(?m)^HEALTHCHECK `, dockerfile)
		require.Contains(t, dockerfile, "CGO_ENABLED=0")
		require.Contains(t, dockerfile, "/etc/ssl/certs/ca-certificates.crt")
	})
	t.Run("has the program where the compose file calls it", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, dockerfile, " "+program+"\n")
		require.Contains(t, dockerfile, `ENTRYPOINT ["`+program+`"]`)
	})
	t.Run("exposes the ports of all processes", func(t *testing.T) {
		t.Parallel()
		exposed := regexp.MustCompile(`(?m)^EXPOSE (.+)$`).FindStringSubmatch(dockerfile)
		require.Len(t, exposed, 2)
		require.ElementsMatch(t, []string{
			portOf(t, config.DefaultWorkerAddress), portOf(t, config.DefaultServerAddress),
			portOf(t, config.DefaultServerHealthAddress),
		}, strings.Fields(exposed[1]))
	})
}

// copied matches a line that copies files of the stage refdata: their paths, and the folder of the image.
var copied = regexp.MustCompile(`(?m)^COPY --from=refdata (.+) (\S+)$`)

// The image has the reference data of the lock file at the places where Sluice reads them.
func TestReferenceData(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	folder := regexp.MustCompile(`(?m)^ENV SLUICE_REFDATA_FOLDER=(\S+)$`).FindStringSubmatch(string(content))
	require.Len(t, folder, 2)
	require.Contains(t, variables(t), "SLUICE_REFDATA_FOLDER")
	require.Contains(t, string(content), "COPY refdata/package.json refdata/package-lock.json ./\n")

	image := t.TempDir()
	lines := copied.FindAllStringSubmatch(string(content), -1)
	require.NotEmpty(t, lines)
	for _, line := range lines {
		below, found := strings.CutPrefix(line[2], folder[1]+"/")
		require.True(t, found, "%s is not below the folder of reference data", line[2])
		for _, file := range strings.Fields(line[1]) {
			from := strings.TrimPrefix(file, "/")
			require.Equal(t, filepath.Clean("refdata/"+below), filepath.Dir(from), "another place than that of npm")
			// `make refdata` installs the same packages as the stage.
			data, err := os.ReadFile(filepath.Join(root, from))
			require.NoError(t, err, "run `make refdata` first")
			require.NoError(t, os.MkdirAll(filepath.Join(image, below), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(image, below, filepath.Base(from)), data, 0o600))
		}
	}
	logged := &strings.Builder{}
	store, err := refdata.Open(refdata.Config{Folder: image, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	require.NoError(t, err)
	data := store.Data()
	require.True(t, data.Bots.Match("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"))
	require.NotNil(t, data.Locations)
	place, err := data.Locations.Lookup(netip.MustParseAddr("193.0.6.139"))
	require.NoError(t, err)
	require.Equal(t, "NL", place.Country)
	for _, missing := range []string{"few bots are recognised", "events have no country"} {
		require.NotContains(t, logged.String(), missing)
	}
}
