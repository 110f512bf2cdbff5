package destinationtest

import (
	"context"

	"github.com/sluicehq/sluice/connections"
)

// Opener opens one connection, under its name.
type Opener connections.Connection

// Open returns the connection.
func (o Opener) Open(ctx context.Context, name string) (connections.Connection, error) {
	if err := ctx.Err(); err != nil {
		return connections.Connection{}, err
	}
	if name != o.Name {
		return connections.Connection{}, connections.ErrNotFound
	}
	return connections.Connection(o), nil
}

// Openers are openers by the requested name; each is called with the name of its own connection.
type Openers map[string]connections.Opener

// Open asks the opener of that name.
func (o Openers) Open(ctx context.Context, name string) (connections.Connection, error) {
	opener, known := o[name]
	if !known {
		return connections.Connection{}, connections.ErrNotFound
	}
	if one, ok := opener.(Opener); ok {
		name = one.Name
	}
	return opener.Open(ctx, name)
}
