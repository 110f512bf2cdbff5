package app

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/sluicehq/sluice/devstack/stack"
)

// redacted leaves the password out of a DSN. One that is no URL is not shown at all: it
// may hold one anywhere.
func redacted(dsn string) string {
	at, err := url.Parse(dsn)
	if err != nil || at.Scheme == "" {
		return "a server of yours"
	}
	return at.Redacted()
}

// writeTable tells where everything is and how people sign in, once all of it is ready.
func writeTable(out io.Writer, s *stack.Stack, signIn string) error {
	a, env := s.Addresses(), s.Env()
	var rows [][2]string
	if s.HasServer() {
		rows = append(rows, [2]string{"pages", "http://" + a.Server})
	}
	rows = append(rows, [][2]string{
		{"PostgreSQL", redacted(env[stack.EnvStoreDSN])},
		{"ClickHouse", redacted(env[stack.EnvWarehouseDSN])},
	}...)
	if native := env[stack.EnvWarehouseNativeDSN]; native != "" {
		rows = append(rows, [2]string{"ClickHouse native", native})
	}
	rows = append(rows, [2]string{"Temporal", a.Temporal + ", namespace " + env[stack.EnvTemporalNamespace]})
	if a.TemporalUI != "" {
		rows = append(rows, [2]string{"Temporal Web UI", "http://" + a.TemporalUI})
	}
	if s.HasWorker() {
		rows = append(rows, [2]string{"worker", "http://" + a.Worker})
	}
	if s.HasServer() {
		rows = append(rows,
			[2]string{"event log", env[stack.EnvEventLogURL] + ", token in " + env[stack.EnvEventLogTokenFile]},
			[2]string{"server", "http://" + a.Server + "/api/event"},
			[2]string{"REST API", "http://" + a.Server + "/api/docs"},
			[2]string{"server's health", "http://" + a.ServerHealth + "/readyz"})
	}
	if signIn != "" {
		rows = append(rows, [2]string{"sign-in", signIn})
	}
	rows = append(rows,
		[2]string{"CSV files below", env[stack.EnvCSVRoots]},
		[2]string{"connections may dial", env[stack.EnvAddresses]},
		[2]string{"key set", env[stack.EnvKeysetFile]},
		[2]string{"data", s.DataDir()},
		[2]string{"logs", filepath.Join(s.DataDir(), "logs")})

	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, "\nReady. Ctrl-C stops everything and keeps the data."); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	for _, row := range rows {
		if _, err := fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1]); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	exports, err := s.Exports()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(w, exportLines(exports), "\n"); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// exportLines returns the lines that let commands in another terminal find a stack, none for one that is where they
// look.
func exportLines(exports [][2]string) string {
	if len(exports) == 0 {
		return ""
	}
	var lines strings.Builder
	lines.WriteString("\nFor `sluice` in another terminal:\n")
	for _, e := range exports {
		lines.WriteString("  export " + e[0] + "=" + shellQuote(e[1]) + "\n")
	}
	return lines.String()
}
