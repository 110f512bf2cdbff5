package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// Connection is a connection with its secrets sealed.
type Connection = db.Connection

// NewConnection is a connection to be added.
type NewConnection = db.InsertConnectionParams

// ErrInUse means that an import which has not ended names the row.
var ErrInUse = errors.New("in use")

// AddConnection adds a connection. The error is ErrTaken if there is one of that name.
func (s *Store) AddConnection(ctx context.Context, n NewConnection) (Connection, error) {
	row, err := s.InsertConnection(ctx, n)
	if violates(err, "connections_pkey") {
		return Connection{}, fmt.Errorf("connection %s: %w", n.Name, ErrTaken)
	}
	if err != nil {
		return Connection{}, fmt.Errorf("add connection %s: %w", n.Name, err)
	}
	return row, nil
}

// Connection returns the connection of that name, or ErrNotFound.
func (s *Store) Connection(ctx context.Context, name string) (Connection, error) {
	row, err := s.ConnectionByName(ctx, name)
	return row, found(err, "connection %s", name)
}

// ReplaceConnection replaces the settings and secrets of a connection, if it is still of
// the version and kind that it is given with; name and kind stay. It returns the new row.
// The error is ErrNotFound if the connection is gone, and ErrConflict if somebody else
// has changed it.
func (s *Store) ReplaceConnection(ctx context.Context, changed Connection) (Connection, error) {
	row, err := s.UpdateConnection(ctx, db.UpdateConnectionParams{
		Name: changed.Name, Kind: changed.Kind, Version: changed.Version,
		Settings: changed.Settings, SecretNames: changed.SecretNames, Sealed: changed.Sealed, KeyID: changed.KeyID,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := s.Connection(ctx, changed.Name); err != nil {
			return Connection{}, err
		}
		return Connection{}, fmt.Errorf("connection %s was changed meanwhile: %w", changed.Name, ErrConflict)
	}
	if err != nil {
		return Connection{}, fmt.Errorf("replace connection %s: %w", changed.Name, err)
	}
	return row, nil
}

// RemoveConnection removes a connection. Unless forced it refuses, with ErrInUse, while
// an import that has not ended names the connection in its arguments; it looks once, and
// an import that is created at the same time finds no connection. The error is
// ErrNotFound if there is no such connection.
func (s *Store) RemoveConnection(ctx context.Context, name string, force bool) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		if !force {
			user, err := q.ConnectionUser(ctx, name)
			if err == nil {
				return fmt.Errorf("connection %s: import %d is %s: %w", name, user.ID, user.Status, ErrInUse)
			}
			if !errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("look for imports that use connection %s: %w", name, err)
			}
		}
		n, err := q.DeleteConnection(ctx, name)
		if err != nil {
			return fmt.Errorf("remove connection %s: %w", name, err)
		}
		if n == 0 {
			return fmt.Errorf("connection %s: %w", name, ErrNotFound)
		}
		return nil
	})
}
