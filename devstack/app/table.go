package app

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/sluicehq/sluice/devstack/stack"
)

// writeTable tells where everything is, once all of it is ready.
func writeTable(out io.Writer, s *stack.Stack) error {
	a, env := s.Addresses(), s.Env()
	rows := [][2]string{
		{"PostgreSQL", env[stack.EnvStoreDSN]},
		{"ClickHouse", env[stack.EnvWarehouseDSN]},
		{"ClickHouse native", env[stack.EnvWarehouseNativeDSN]},
		{"Temporal", a.Temporal + ", namespace " + env[stack.EnvTemporalNamespace]},
	}
	if a.TemporalUI != "" {
		rows = append(rows, [2]string{"Temporal Web UI", "http://" + a.TemporalUI})
	}
	if s.HasWorker() {
		rows = append(rows, [2]string{"worker", "http://" + a.Worker})
	}
	rows = append(rows,
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
	if _, err := fmt.Fprintln(w); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
