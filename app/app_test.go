package app_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/app"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections/connectiontest"
	"github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/outbound"
)

// misnamed is an importer whose name no registry takes.
type misnamed struct{ *noop.Importer }

func (misnamed) Name() string { return "my-orders" }

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	var none *noop.Importer
	_, err := app.New(
		app.Importer(nil, none, misnamed{noop.New()}, orders{noop.New()}, orders{noop.New()}),
		app.Destination(nil, log.New()),
		app.ConnectionKind(nil, connectiontest.Kind{}, connectiontest.Kind{}),
		app.Templates(nil),
	)
	require.EqualError(t, err, strings.Join([]string{
		"build the program: register importer: nil component",
		"register importer: nil *noop.Importer",
		`register importer (app_test.misnamed): the name "my-orders" does not match ^[a-z][a-z0-9_]{0,49}$`,
		`register importer (app_test.orders): "orders" is registered twice`,
		"register destination: nil component",
		`register destination (log.destination): "log" is registered twice`,
		"register connection kind: nil component",
		`register connection kind (connectiontest.Kind): "example" is registered twice`,
		"register mail templates: nil fs.FS",
	}, "\n"))
}

func TestNewRefusesEmptyOptions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		option app.Option
		want   string
	}{
		"zero":         {app.Option{}, "option 1 is empty: want the result of a function of package app"},
		"no function":  {app.Configured(nil), "register components of settings: nil function"},
		"zero, nested": {app.Configured(func(config.Config) []app.Option { return []app.Option{{}} }), "register components of settings: option 1 is empty"},
		"nested fault": {
			app.Configured(func(config.Config) []app.Option { return []app.Option{app.Configured(nil)} }),
			"register components of settings: nil function",
		},
	} {
		_, err := app.New(test.option)
		require.EqualError(t, err, "build the program: "+test.want, name)
	}
}

func TestNewChecksTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{define \"subject\"}}x{{end}}{{.Nope}}": "can't evaluate field Nope",
		"{{": "unclosed action",
		"x":  `it does not define the template "subject"`,
	} {
		_, err := app.New(app.Templates(fstest.MapFS{"orders_import/success.txt.tmpl": {Data: []byte(text)}}))
		require.ErrorContains(t, err, "build the program: register mail templates: ")
		require.ErrorContains(t, err, want)
	}
	// The folder of an embed.FS is easily forgotten.
	_, err := app.New(app.Templates(fstest.MapFS{"mails/orders_import/success.txt.tmpl": {}}))
	require.ErrorContains(t, err, "no file matches */*.tmpl: want a folder for each set of templates")
	_, err = app.New(app.Templates(fstest.MapFS{"orders_import/success.txt.tmpl": {Data: []byte(`{{define "subject"}}x{{end}}y`)}}))
	require.NoError(t, err)
}

// Every option adds; the settings of Configured are those of the process.
func TestConfigured(t *testing.T) {
	t.Parallel()
	rows := []int{}
	program, err := app.New(app.Configured(func(settings config.Config) []app.Option {
		rows = append(rows, settings.Import.ChunkRows)
		return []app.Option{app.Importer(orders{noop.New()}), app.ConnectionKind(connectiontest.Kind{})}
	}), app.Destination(crm{log.New()}), app.Importer([]importers.Importer{}...))
	require.NoError(t, err)
	var out, stderr bytes.Buffer
	code := program.Run(t.Context(), []string{"destination", "pause", "nope"}, app.Streams{
		Out: &out, Err: &stderr, Environ: []string{"SLUICE_IMPORT_CHUNK_ROWS=777"},
	})
	require.Equal(t, 2, code)
	require.Contains(t, stderr.String(), "sluice: unknown destination \"nope\" (want clickhouse, crm, log, postgres, smtp, webhook)\n")
	require.Contains(t, rows, 777)
	require.Contains(t, rows, config.Default().Import.ChunkRows)
}

// The setting connections.addresses knows the kinds that the program adds.
func TestAddressesOfAddedKinds(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	for addresses, want := range map[string]string{
		"example=loopback": "", "": "connections.addresses", "webhook=any": "connections.addresses",
		"exampel=any": "", // refused before the program is built under these settings
	} {
		var guard outbound.Guard
		program, err := app.New(app.Configured(func(settings config.Config) []app.Option {
			guard = settings.Connections.Guard("example")
			return []app.Option{app.ConnectionKind(connectiontest.Kind{})}
		}))
		require.NoError(t, err)
		var out bytes.Buffer
		code := program.Run(t.Context(), []string{"destination", "pause", "nope"}, app.Streams{
			Out: &out, Err: &out, Environ: []string{"SLUICE_CONNECTIONS_ADDRESSES=" + addresses},
		})
		require.Equal(t, 2, code, addresses)
		if addresses == "exampel=any" {
			require.Equal(t, `sluice: configuration: connections.addresses: no kind "exampel": want KIND=ADDRESSES, where `+
				"KIND is one of clickhouse, example, google_analytics_4, mailchimp, ometria, postgres, smtp, upload, webhook\n", out.String())
			continue
		}
		conn, err := guard.Dialer(outbound.Protected).DialContext(t.Context(), "tcp", l.Addr().String())
		if want != "" {
			require.ErrorContains(t, err, want, addresses)
			continue
		}
		require.NoError(t, err, addresses)
		require.NoError(t, conn.Close())
	}
}

// What the main registers is known to every command that names components.
func TestCommandsKnowTheComponents(t *testing.T) {
	t.Parallel()
	program, err := app.New(
		app.Importer(orders{noop.New()}), app.Destination(crm{log.New()}), app.ConnectionKind(connectiontest.Kind{}))
	require.NoError(t, err)
	const sources, kinds = "csv, google_analytics_4, noop, orders", "clickhouse, example, google_analytics_4, mailchimp, ometria, postgres, smtp, webhook"
	for line, want := range map[string]string{
		"import start --help":                        "\n   orders              start an import: ",
		"import start nope --site a --dry-run":       "unknown importer \"nope\" (want " + sources,
		"import start --site a":                      "where SOURCE is one of " + sources,
		"schedule create a nope --site a --every 1h": "unknown importer \"nope\" (want " + sources,
		"flow test --file - --import nope":           "unknown importer \"nope\" (want " + sources,
		"connection add a":                           "want one of " + kinds,
		"connection add a --kind nope":               "unknown kind of connection \"nope\" (want " + kinds,
		"destination pause nope":                     "(want clickhouse, crm, log, postgres, smtp, webhook)",
		"flow test --file - --import orders":         "crm/write",
		"destination pause crm nope":                 "crm: unknown action \"nope\"",
	} {
		require.Contains(t, runOffline(t, program, strings.Fields(line)...), want, line)
	}
}

// runOffline runs a command that reaches nothing, and returns what it wrote.
func runOffline(t *testing.T, program *app.App, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	program.Run(ctx, args, app.Streams{
		In: strings.NewReader("flows: [{name: a, from: {import: orders}, to: [{destination: crm, action: write}]}]"), Out: &out, Err: &out,
		Environ: []string{"SLUICE_STORE_DSN=postgres://u@127.0.0.1:1/d", "TEMPORAL_ADDRESS=127.0.0.1:1"},
	})
	return out.String()
}
