package config

import (
	"io"
	"log/slog"

	"github.com/sluicehq/sluice/internal/terminal"
)

// Logger returns the configured logger. It escapes control characters, also those that a
// handler does not escape.
func (l Log) Logger(w io.Writer) *slog.Logger {
	w = terminal.NewWriter(w)
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
