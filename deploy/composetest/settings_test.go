package composetest

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/app"
	"github.com/sluicehq/sluice/config"
)

// program is where the image has Sluice.
const program = "/usr/local/bin/sluice"

// own are the services that run Sluice.
var own = []string{"migrate", "server", "sluice", "worker"}

// variables returns the variables of all settings, as the documentation lists them. A test of package config
// compares the list with the code.
func variables(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	require.NoError(t, err)
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `[a-z_.]+` \\| `(SLUICE_[A-Z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		names = append(names, row[1])
	}
	require.Greater(t, len(names), 80)
	return names
}

// environOf returns the environment of a service with its secrets in a folder of this machine.
func environOf(t *testing.T, service types.ServiceConfig) []string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	made := run(t, nil, filepath.Join(scripts, "secrets.sh"), dir)
	require.Zero(t, made.status, made.stderr)
	var environ []string
	for name, value := range service.Environment {
		require.NotNil(t, value, name)
		environ = append(environ, name+"="+strings.ReplaceAll(*value, "/run/secrets/", dir+"/"))
	}
	return environ
}

// settingsOf returns the settings of a service as its process reads them.
func settingsOf(t *testing.T, project *types.Project, name string) config.Config {
	t.Helper()
	settings, err := config.Load("", environOf(t, project.Services[name]))
	require.NoError(t, err, name)
	require.NoError(t, settings.Validate(), name)
	return settings
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err, address)
	return port
}

func TestVariablesAreKnown(t *testing.T) {
	t.Parallel()

	known := variables(t)
	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		if !slices.Contains(own, service.Name) {
			for name := range service.Environment {
				must.False(strings.HasPrefix(name, "SLUICE_"), "%s is no variable of %s", name, service.Image)
			}
			return
		}
		must.Equal("Dockerfile", service.Build.Dockerfile)
		for name := range service.Environment {
			if strings.HasPrefix(name, "TEMPORAL_") {
				must.Contains([]string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}, name)
				continue
			}
			must.True(slices.Contains(known, name) || slices.Contains(known, strings.TrimSuffix(name, "_FILE")),
				"there is no setting %s", name)
		}
	})
}

// Each process finds the others: the host is a service, which listens at the port.
func TestAddressesLeadToServices(t *testing.T) {
	t.Parallel()

	listens := map[string]string{
		"postgres": "5432", "clickhouse": "8123", "temporal": "7233", "eventlog": portOf(t, eventLogOptions(t).listen),
	}
	project := loadProject(t, "*")
	for _, name := range own {
		settings, service := settingsOf(t, project, name), project.Services[name]
		temporal := service.Environment["TEMPORAL_ADDRESS"]
		require.NotNil(t, temporal, name)
		for _, address := range []string{
			settings.Store.DSN, settings.Warehouse.DSN, settings.EventLog.URL, "temporal://" + *temporal,
		} {
			at, err := url.Parse(address)
			require.NoError(t, err, name)
			port, found := listens[at.Hostname()]
			require.True(t, found, "%s: there is no service %s", name, at.Hostname())
			require.Equal(t, port, at.Port(), "%s: %s listens at another port", name, at.Hostname())
			for network := range service.Networks {
				require.Contains(t, project.Services[at.Hostname()].Networks, network, name)
			}
		}
	}
}

// What is published is what a process listens at, and all of it.
func TestPublishedPortsAreListenedAt(t *testing.T) {
	t.Parallel()

	project := loadProject(t)
	worker, server := settingsOf(t, project, "worker").Worker, settingsOf(t, project, "server").Server
	for name, addresses := range map[string][]string{
		"worker": {worker.Listen}, "server": {server.Listen, server.HealthListen},
		"eventlog": {eventLogOptions(t).listen},
	} {
		var published, wanted []string
		for _, port := range project.Services[name].Ports {
			published = append(published, net.JoinHostPort("0.0.0.0", strconv.FormatUint(uint64(port.Target), 10)))
		}
		for _, address := range addresses {
			require.True(t, strings.HasPrefix(address, "0.0.0.0:"), "%s: %s is not reached from outside the container", name, address)
			wanted = append(wanted, address)
		}
		require.ElementsMatch(t, wanted, published, name)
	}
}

// Headers that name a visitor's address are trusted only if an operator says whose.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()

	require.Empty(t, settingsOf(t, loadProject(t), "server").Server.Proxies())
	project := loadProjectIn(t, []string{"SLUICE_SERVER_TRUSTED_PROXIES=10.1.0.0/16"})
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, settingsOf(t, project, "server").Server.Proxies())
}

// runSluice runs a command line of the image.
func runSluice(t *testing.T, environ []string, args ...string) (code int, output string) {
	t.Helper()
	sluice, err := app.New()
	require.NoError(t, err)
	var out bytes.Buffer
	code = sluice.Run(t.Context(), args, app.Streams{Out: &out, Err: &out, Environ: environ})
	return code, out.String()
}

func TestCommandsExist(t *testing.T) {
	t.Parallel()

	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		if !slices.Contains(own, service.Name) || len(service.Command) == 0 {
			return
		}
		code, output := runSluice(t, nil, append(slices.Clone(service.Command), "--help")...)
		must.Zero(code, output)
		must.Contains(output, "sluice "+strings.Join(service.Command, " ")+" -", "the help is that of another command")
	})
}

// The health checks are commands that ask the process itself.
func TestHealthchecks(t *testing.T) {
	t.Parallel()

	for name, variable := range map[string]string{
		"worker": "SLUICE_WORKER_LISTEN", "server": "SLUICE_SERVER_HEALTH_LISTEN",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := loadProject(t).Services[name]
			test := service.HealthCheck.Test
			require.Equal(t, types.HealthCheckTest{"CMD", program}, test[:2])

			status := http.StatusOK
			process := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				w.WriteHeader(status)
			}))
			defer process.Close()
			environ := append(environOf(t, service), variable+"="+process.Listener.Addr().String())
			code, output := runSluice(t, environ, test[2:]...)
			require.Zero(t, code, output)
			require.Equal(t, "ready\n", output)
			status = http.StatusServiceUnavailable
			code, output = runSluice(t, environ, test[2:]...)
			require.NotZero(t, code, output)
		})
	}
}
