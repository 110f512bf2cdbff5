package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// schemas has the databases of importers with tables of their own, by schema.
type schemas struct {
	mu     sync.Mutex
	opened map[string]*sql.DB
}

// Bounds of the connections to one importer's schema, in a process.
const (
	schemaConns = 8
	schemaIdle  = time.Minute
)

var schemaName = regexp.MustCompile(`^importer_[a-z0-9_]{1,50}$`)

// CheckSchema returns an error if the name of an importer's schema is invalid.
func CheckSchema(name string) error {
	if !schemaName.MatchString(name) {
		return fmt.Errorf("schema %q: want importer_ and 1 to 50 lower-case letters, digits or underscores", name)
	}
	return nil
}

// SchemaConn returns a connection whose search path is an importer's schema alone. The
// schema is created if it does not exist. The connection is closed when ctx ends, at the
// latest. At most 8 of a schema are open in a process; further callers wait.
func (s *Store) SchemaConn(ctx context.Context, schema string) (*sql.Conn, error) {
	d, err := s.schemaDB(ctx, schema)
	if err != nil {
		return nil, err
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to schema %s: %w", schema, err)
	}
	context.AfterFunc(ctx, func() {
		// It may be closed already.
		_ = conn.Close() //nolint:errcheck // nothing is left to do about it
	})
	return conn, nil
}

// schemaDB returns the database of a schema, which exists then.
func (s *Store) schemaDB(ctx context.Context, schema string) (*sql.DB, error) {
	if err := CheckSchema(schema); err != nil {
		return nil, err
	}
	s.schemas.mu.Lock()
	defer s.schemas.mu.Unlock()
	if d, ok := s.schemas.opened[schema]; ok {
		return d, nil
	}
	if err := s.createSchema(ctx, schema); err != nil {
		return nil, err
	}
	// Connections of its own: a search path that is set on one of the pool would stay there.
	config := s.sql.Pool.Config().ConnConfig.Copy()
	config.RuntimeParams["search_path"] = schema
	d := stdlib.OpenDB(*config)
	d.SetMaxOpenConns(schemaConns)
	d.SetConnMaxIdleTime(schemaIdle)
	if s.schemas.opened == nil {
		s.schemas.opened = map[string]*sql.DB{}
	}
	s.schemas.opened[schema] = d
	return d, nil
}

// EnsureSchema creates an importer's schema unless it exists.
func (s *Store) EnsureSchema(ctx context.Context, schema string) error {
	_, err := s.schemaDB(ctx, schema)
	return err
}

// createSchema creates a schema unless it exists. Two processes may do so at once.
func (s *Store) createSchema(ctx context.Context, schema string) error {
	return s.sql.InPgxTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('sluice'), hashtext($1))", schema)
		if err == nil {
			_, err = tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize())
		}
		if err != nil {
			return fmt.Errorf("create schema %s: %w", schema, err)
		}
		return nil
	})
}

// close ends all connections.
func (s *schemas) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.opened {
		_ = d.Close() //nolint:errcheck // as with the pool
	}
	s.opened = nil
}

// UseSchema makes an importer's schema the first in the transaction's search path.
func UseSchema(ctx context.Context, tx *sql.Tx, schema string) error {
	if err := CheckSchema(schema); err != nil {
		return err
	}
	const first = "SELECT set_config('search_path', $1 || ', ' || current_setting('search_path'), true)"
	if _, err := tx.ExecContext(ctx, first, schema); err != nil {
		return fmt.Errorf("use schema %s: %w", schema, err)
	}
	return nil
}
