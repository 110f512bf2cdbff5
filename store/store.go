// Package store is Sluice's system of record in PostgreSQL: the connections to it, transactions, notifications,
// migrations, and what all parts of Sluice share: connections to other systems and live workers. Its rooms have
// the rest: importing, delivery, ingesting, and dispatch, which joins the first two. The SQL stands in queries/
// and is turned into package internal/db by sqlc, which the rooms alone see.
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

	"github.com/sluicehq/sluice/store/internal/db"
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
	queries *db.Queries
	pool    *pgxpool.Pool
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
	return &Store{queries: db.New(pool), pool: pool}, nil
}

// badDSN says that a DSN is none. The parser's error repeats it with the password
// masked, which is safe where it can parse it, but not where it cannot; only a file
// that the DSN names and that cannot be read is worth telling about.
func badDSN(err error) error {
	const want = "the store's DSN is not a PostgreSQL connection string: want postgres://user:password@host:port/database"
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("%s, and files that can be read: %w", want, file)
	}
	return errors.New(want)
}

// Close ends all connections.
func (s *Store) Close() {
	s.schemas.close()
	s.pool.Close()
}

// Ping checks that the store can be reached.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach the store: %w", err)
	}
	return nil
}

// begin opens a transaction that the server ends when nothing comes for 5 s: a process
// that hangs in the middle, or is cut off, must not keep its locks from the one that
// takes over. It is set for the transaction alone, which poolers allow.
const begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'"

// InTx runs fn in a transaction, which is rolled back if fn fails.
func (s *Store) InTx(ctx context.Context, fn func(q *db.Queries) error) error {
	return s.InPgxTx(ctx, func(tx pgx.Tx) error { return fn(db.New(tx)) })
}

// InPgxTx is InTx for a function that needs the transaction itself. The transaction also records the entry of an audited
// change that ctx is for.
func (s *Store) InPgxTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	options := pgx.TxOptions{BeginQuery: begin}
	pending := claimAudit(ctx)
	if pending == nil {
		return pgx.BeginTxFunc(ctx, s.pool, options, fn)
	}
	var id int64
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		var err error
		id, err = pending.record(ctx, db.New(tx))
		return err
	})
	pending.release(id, err)
	return err
}

// Queries returns the generated queries, for the rooms of the store.
func (s *Store) Queries() *db.Queries { return s.queries }

// Pool returns the connections, for rooms of the store whose statements are not generated.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

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
