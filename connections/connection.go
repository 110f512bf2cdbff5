// Package connections manages the named credentials and settings for outside systems.
//
// Arguments of imports, histories of workflows and the command line contain only the name
// of a connection. Its secrets are encrypted at rest, and are decrypted only in the process
// that uses them, while it uses them.
package connections

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Connection is an open connection with decrypted secrets. Do not log, store or send it.
// fmt, slog and encoding/json print its name and kind only.
type Connection struct {
	// Name is the connection's name.
	Name string
	// Kind is the name of its kind, for instance "google_analytics_4".
	Kind string
	// Settings are the settings without secrets, in the normal form of the kind: a JSON object.
	Settings json.RawMessage
	// Secrets maps names to secrets.
	Secrets map[string]string
}

// New describes the connection as one to add.
func (c Connection) New() New {
	return New{Name: c.Name, Kind: c.Kind, Settings: c.Settings, Secrets: c.Secrets}
}

// Notify is the name of the built-in connection to the mail server for notifications of imports. No
// other connection can have the name. The rules about addresses, which restrict connections added
// by users, do not apply to it.
const Notify = deliverystore.ConnectionNotify

// String returns name and kind without secrets.
func (c Connection) String() string { return c.Kind + " connection " + c.Name }

// GoString is String, for %#v.
func (c Connection) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Connection) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON encodes name and kind only.
func (c Connection) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": c.Name, "kind": c.Kind})
}

// ErrNotFound means that no connection has the name.
var ErrNotFound = errors.New("no such connection")

// ErrInvalid means that settings or secrets are invalid for the kind of the connection.
var ErrInvalid = errors.New("invalid connection")

// Opener opens connections by name. It returns ErrNotFound if no connection has the name.
type Opener interface {
	Open(ctx context.Context, name string) (Connection, error)
}

// None is an Opener without connections, for tests and for importers that need none.
type None struct{}

// Open returns ErrNotFound.
func (None) Open(context.Context, string) (Connection, error) { return Connection{}, ErrNotFound }

var _ Opener = None{}
