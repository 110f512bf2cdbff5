package config

import (
	"io"
	"log/slog"

	"github.com/sluicehq/sluice/internal/terminal"
)

// Logger returns a logger as configured. Control characters are escaped, also those that a
// handler passes.
func (l Log) Logger(w io.Writer) *slog.Logger {
	w = terminal.NewWriter(w)
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
