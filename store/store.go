// Package store is Sluice's system of record in PostgreSQL: the connections to it, transactions, notifications,
// migrations, and what all parts of Sluice share: connections to other systems and live workers. Its rooms have
// the rest: importing, delivery, ingesting, and dispatch, which joins the first two. The SQL stands in queries/
// and is turned into package internal/db by sqlc; the rooms execute it through internal/pg.
// No package outside the store can import either.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sluicehq/sluice/store/internal/pg"
)

// Errors that callers act on.
var (
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrTaken means that a name is in use already.
	ErrTaken = errors.New("taken already")
	// ErrLimit means that a limit is reached.
	ErrLimit = errors.New("limit reached")
	// ErrFenced means that a later attempt has taken over: the caller must stop.
	ErrFenced = errors.New("a later attempt has taken over")
	// ErrConflict means that the row is not in a state that allows the change.
	ErrConflict = errors.New("not possible in this state")
)

// Config says how to reach PostgreSQL.
type Config struct {
	// DSN is a connection URI or keyword/value string, as libpq takes it.
	// Required.
	DSN string
	// MaxConns bounds the pool. Defaults to 10.
	MaxConns int32
	// ConnectTimeout bounds a connection attempt. Defaults to 5 s.
	ConnectTimeout time.Duration
}

// Store gives access to the system of record. It is safe for concurrent use.
type Store struct {
	sql     *pg.SQL
	schemas schemas
}

// Open makes a pool of connections. It does not connect: Ping does.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	poolConfig, err := pgxpool.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, badDSN(err)
	}
	if poolConfig.MaxConns = cfg.MaxConns; poolConfig.MaxConns == 0 {
		poolConfig.MaxConns = 10
	}
	if poolConfig.ConnConfig.ConnectTimeout = cfg.ConnectTimeout; cfg.ConnectTimeout == 0 {
		poolConfig.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{sql: pg.New(pool, auditHook)}, nil
}

// badDSN says that a DSN is none. The parser's error repeats it with the password
// masked, which is safe where it can parse it, but not where it cannot; only a file
// that the DSN names and that cannot be read is worth telling about.
func badDSN(err error) error {
	const want = "the store's DSN is not a PostgreSQL connection string: want postgres://user:password@host:port/database"
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s, and files that can be read: %w", want, file)
	}
	return errors.New(want)
}

// Close ends all connections.
func (s *Store) Close() {
	s.schemas.close()
	s.sql.Pool.Close()
}

// Ping checks that the store can be reached.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.sql.Pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach the store: %w", err)
	}
	return nil
}

// SQL executes statements of the rooms. Packages outside the store cannot call it: they have no key. Its transactions
// also record the entry of an audited change that their context is for.
func (s *Store) SQL(pg.Key) *pg.SQL { return s.sql }

// Found turns pgx's "no rows" into ErrNotFound, naming what was looked for.
func Found(err error, format string, args ...any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNotFound)
	}
	return err
}

// NoRows says whether a query found nothing.
func NoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// Violates says whether the error is a violation of the named constraint or
// unique index.
func Violates(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "23") && pgErr.ConstraintName == constraint
}
