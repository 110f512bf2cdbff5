// Package store is Sluice's system of record in PostgreSQL: sites, imports, their
// parts and chunks, and the log that users see. The SQL stands in queries/ and is
// turned into package db by sqlc; this package adds transactions and the errors
// that callers act on.
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

	"github.com/sluicehq/sluice/store/db"
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
	// ErrUnlocked means that the import does not hold the caller's grant of its locks: it must
	// acquire them again.
	ErrUnlocked = errors.New("the import does not hold its locks")
	// ErrUnfinished means that parts of an import are neither done nor skipped, or that it has
	// none: it must be loaded before it can be published.
	ErrUnfinished = errors.New("the import is not loaded in full")
	// ErrDecided means that a review has its decision already.
	ErrDecided = errors.New("decided already")
	// ErrSelfReview means that the one who started an import must not accept it.
	ErrSelfReview = errors.New("the requester cannot approve their own import")
	// ErrOverlap means that days were brought in by another import meanwhile.
	ErrOverlap = errors.New("days imported by another import meanwhile")
	// ErrConflict means that the row is not in a state that allows the change.
	ErrConflict = errors.New("not possible in this state")
)

// Rows of the store.
type (
	// Site is an analytics property.
	Site = db.Site
	// Import is one run of an importer.
	Import = db.Import
	// ImportSummary is an import with its site and the sums of its parts.
	ImportSummary = db.ImportSummariesRow
	// Part is a part of an import.
	Part = db.Part
	// Chunk is a chunk that the warehouse has acknowledged.
	Chunk = db.Chunk
	// Feedback is a line of an import's log.
	Feedback = db.Feedback
	// Dependency is a resource that an import locks.
	Dependency = db.Dependency
	// Review is the review of an import.
	Review = db.Review
	// ReviewSummary is a review with what people want to know about its import.
	ReviewSummary = db.ListReviewsRow
	// Lock is an import that waits for a resource, or has it.
	Lock = db.ListLocksRow
	// LockGrant is an entry of the log of grants.
	LockGrant = db.LockGrant
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
	// Notifier creates the jobs of notifications about imports. Required in the process that runs
	// the activities; without one no notification is sent.
	Notifier Notifier
}

// Store gives access to the system of record. It is safe for concurrent use.
type Store struct {
	*db.Queries
	pool     *pgxpool.Pool
	schemas  schemas
	notifier Notifier
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
	return &Store{Queries: db.New(pool), pool: pool, notifier: cfg.Notifier}, nil
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
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error { return fn(db.New(tx)) })
}

// Found turns pgx's "no rows" into ErrNotFound, naming what was looked for.
func Found(err error, format string, args ...any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNotFound)
	}
	return err
}

// Violates says whether the error is a violation of the named constraint or
// unique index.
func Violates(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "23") && pgErr.ConstraintName == constraint
}
