package composetest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/wiring"
)

// eventLogConf is the configuration that the container of the event log mounts.
const eventLogConf = scripts + "/eventlog.conf"

// natsOptions is the configuration of the event log as NATS reads it.
type natsOptions struct {
	*server.Options
	// listen is host:port.
	listen string
}

// eventLogOptions reads the configuration by the library that the server is made of. The token is in no
// variable of this process: a copy of the file has it in place of the variable.
func eventLogOptions(t *testing.T) natsOptions {
	t.Helper()
	content, err := os.ReadFile(eventLogConf)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "eventlog.conf")
	require.NoError(t, os.WriteFile(file, append([]byte("EVENTLOG_TOKEN: "+eventLogToken+"\n"), content...), 0o600))
	options, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	return natsOptions{options, net.JoinHostPort(options.Host, strconv.Itoa(options.Port))}
}

// eventLogToken is one as secrets.sh makes it.
const eventLogToken = "log-5e7000000000000000000000000000000000000000000000000000000000beef"

func TestEventLogConfiguration(t *testing.T) {
	t.Parallel()

	options := eventLogOptions(t)
	service := loadProject(t).Services["eventlog"]
	require.Equal(t, eventLogToken, options.Authorization)
	require.True(t, options.JetStream)
	require.True(t, options.SyncAlways, "an event is on disk before it is acknowledged")
	require.GreaterOrEqual(t, options.MaxPayload, int32(800<<10))
	require.GreaterOrEqual(t, options.JetStreamMaxStore, 2*config.Default().EventLog.MaxMiB<<20)

	t.Run("the log is in the volume", func(t *testing.T) {
		t.Parallel()
		at := slices.IndexFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == options.StoreDir })
		require.GreaterOrEqual(t, at, 0)
		require.Equal(t, "eventlog-data", service.Volumes[at].Source)
	})
	t.Run("the configuration is the mounted one", func(t *testing.T) {
		t.Parallel()
		at := slices.Index(service.Command, "--config")
		require.GreaterOrEqual(t, at, 0)
		mount := slices.IndexFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == service.Command[at+1] })
		require.GreaterOrEqual(t, mount, 0)
		require.Equal(t, "eventlog.conf", filepath.Base(service.Volumes[mount].Source))
	})
	t.Run("the token is the secret that the clients have", func(t *testing.T) {
		t.Parallel()
		content, err := os.ReadFile(eventLogConf)
		require.NoError(t, err)
		variable := regexp.MustCompile(`(?m)^\s*token: \$(\w+)$`).FindStringSubmatch(string(content))
		require.Len(t, variable, 2)
		require.Contains(t, service.Command, variable[1]+"=/run/secrets/eventlog_token")
	})
	t.Run("the version is that of the library", func(t *testing.T) {
		t.Parallel()
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		require.NoError(t, err)
		version := regexp.MustCompile(`(?m)^\tgithub\.com/nats-io/nats-server/v2 v(\S+)$`).FindStringSubmatch(string(mod))
		require.Len(t, version, 2)
		require.Equal(t, server.VERSION, version[1], "this module has another one than the root")
		require.Equal(t, "nats:"+version[1]+"-alpine", service.Image)
	})
}

// A server with the configuration is what the clients with the settings of the compose file need.
func TestEventLogServesItsClients(t *testing.T) {
	t.Parallel()

	options := eventLogOptions(t)
	health := fmt.Sprintf("http://%s", net.JoinHostPort(options.HTTPHost, strconv.Itoa(options.HTTPPort)))
	test := loadProject(t).Services["eventlog"].HealthCheck.Test
	path, found := strings.CutPrefix(test[len(test)-1], health)
	require.True(t, found, "the health check asks another address than %s", health)

	// Only the places are other ones than in the container.
	options.Host, options.Port, options.HTTPPort, options.StoreDir, options.NoSigs = "127.0.0.1", -1, -1, t.TempDir(), true
	running, err := server.NewServer(options.Options)
	require.NoError(t, err)
	running.Start()
	t.Cleanup(func() {
		running.Shutdown()
		running.WaitForShutdown()
	})
	require.True(t, running.ReadyForConnections(30*time.Second))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+running.MonitorAddr().String()+path, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	_, err = nats.Connect(running.ClientURL(), nats.Token("log-another"))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	project := loadProject(t)
	for _, name := range []string{"server", "worker"} {
		settings := settingsOf(t, project, name).EventLog
		require.Regexp(t, `^log-`, settings.Token, name)
		settings.URL, settings.Token = running.ClientURL(), eventLogToken
		log, err := eventlog.Open(ctx, wiring.EventLog(settings, slog.New(slog.DiscardHandler)))
		require.NoError(t, err, name)
		_, err = log.Append(ctx, log.Partitions()-1, []byte("an event of "+name))
		require.NoError(t, err)
		log.Close()
	}
}
