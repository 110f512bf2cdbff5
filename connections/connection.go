// Package connections has the named credentials and settings by which Sluice reaches
// outside systems.
//
// A connection is referred to by its name everywhere: in an import's arguments, in
// workflows' histories, on the command line. Its secrets are encrypted at rest, and are
// in clear only in the process that uses them, while it uses them.
package connections

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
)

// Connection is a connection that has been opened: its secrets are in clear. It is not
// to be logged, stored or sent anywhere; printed by fmt, slog or encoding/json it shows
// its name and kind only.
type Connection struct {
	// Name is the connection's name.
	Name string
	// Kind is the name of its kind, for instance "google_analytics_4".
	Kind string
	// Settings are what is not secret, in the normal form of the kind: a JSON object.
	Settings json.RawMessage
	// Secrets are the secrets by their names.
	Secrets map[string]string
}

// String returns name and kind, and nothing secret.
func (c Connection) String() string { return c.Kind + " connection " + c.Name }

// GoString is String, for %#v.
func (c Connection) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Connection) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes name and kind alone.
func (c Connection) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": c.Name, "kind": c.Kind})
}

// ErrNotFound means that there is no connection of that name.
var ErrNotFound = errors.New("no such connection")

// ErrInvalid means that settings or secrets are not what the kind of the connection takes.
var ErrInvalid = errors.New("invalid connection")

// Opener opens connections by name. The error is ErrNotFound if there is none.
type Opener interface {
	Open(ctx context.Context, name string) (Connection, error)
}

// None opens nothing: for tests, and for importers that need no connections.
type None struct{}

// Open returns ErrNotFound.
func (None) Open(context.Context, string) (Connection, error) { return Connection{}, ErrNotFound }

var _ Opener = None{}
