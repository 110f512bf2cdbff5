package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/internal/db"
)

// Connection is a connection with its secrets sealed.
type Connection = db.Connection

// NewConnection is a connection to be added.
type NewConnection = db.InsertConnectionParams

// ErrInUse means that something names the row which has yet to be done.
var ErrInUse = errors.New("in use")

// AddConnection adds a connection. The error is ErrTaken if there is one of that name.
func (s *Store) AddConnection(ctx context.Context, n NewConnection) (Connection, error) {
	var row Connection
	err := s.sql.InTx(ctx, func(q *db.Queries) (err error) {
		if row, err = q.InsertConnection(ctx, n); err == nil {
			NoteChange(ctx, nil, connectionDocument(row))
		}
		return err
	})
	if Violates(err, "connections_pkey") {
		return Connection{}, fmt.Errorf("connection %s: %w", n.Name, ErrTaken)
	}
	if err != nil {
		return Connection{}, fmt.Errorf("add connection %s: %w", n.Name, err)
	}
	return row, nil
}

// Connection returns the connection of that name, or ErrNotFound.
func (s *Store) Connection(ctx context.Context, name string) (Connection, error) {
	row, err := s.sql.Queries.ConnectionByName(ctx, name)
	return row, Found(err, "connection %s", name)
}

// ListConnections returns all connections by name.
func (s *Store) ListConnections(ctx context.Context) ([]Connection, error) {
	return s.sql.Queries.ListConnections(ctx)
}

// ReplaceConnection replaces the settings and secrets of a connection, if it still has the given
// version and kind; name and kind stay. It returns the new row. The error is ErrNotFound if the
// connection does not exist, and ErrConflict after a concurrent change.
func (s *Store) ReplaceConnection(ctx context.Context, changed Connection) (Connection, error) {
	var row Connection
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		before, err := q.ConnectionByName(ctx, changed.Name)
		if err != nil {
			return err
		}
		row, err = q.UpdateConnection(ctx, db.UpdateConnectionParams{
			Name: changed.Name, Kind: changed.Kind, Version: changed.Version,
			Settings: changed.Settings, SecretNames: changed.SecretNames, Sealed: changed.Sealed, KeyID: changed.KeyID,
		})
		if err == nil {
			NoteChange(ctx, connectionDocument(before), connectionDocument(row))
		}
		return err
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

// connectionDocument is what the audit says about a connection: none of its secrets.
func connectionDocument(c Connection) any {
	return map[string]any{
		"kind": c.Kind, "settings": c.Settings, "secret_names": c.SecretNames, "key_id": c.KeyID, "version": c.Version,
	}
}
