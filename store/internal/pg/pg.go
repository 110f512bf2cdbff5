// Package pg is how the rooms of the store reach PostgreSQL: the generated queries, transactions and the pool. No
// package outside the store can import it, so that none runs statements of its own on the tables.
package pg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sluicehq/sluice/store/internal/db"
)

// Key is the argument of the store's method that returns its SQL. Packages outside the store have none.
type Key struct{ _ struct{} }

// SQL executes statements. It is safe for concurrent use.
type SQL struct {
	// Queries are the generated queries, each in a transaction of its own.
	Queries *db.Queries
	// Pool has the connections, for statements that are not generated.
	Pool *pgxpool.Pool

	hook Hook
}

// Hook adds a last statement to a transaction, for which add is called unless it is nil; done learns how the
// transaction has ended.
type Hook func(ctx context.Context) (add func(ctx context.Context, q *db.Queries) error, done func(err error))

// New returns the SQL of a pool. InTx and InPgxTx call the hook.
func New(pool *pgxpool.Pool, hook Hook) *SQL {
	return &SQL{Queries: db.New(pool), Pool: pool, hook: hook}
}

// begin opens a transaction that the server ends after 5 s without a statement: a process that hangs in the middle,
// or is cut off, must not keep its locks from the one that takes over. The setting holds for the transaction alone,
// which poolers allow.
const begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'"

// InTx runs fn in a transaction, which is rolled back if fn fails.
func (s *SQL) InTx(ctx context.Context, fn func(q *db.Queries) error) error {
	return s.InPgxTx(ctx, func(tx pgx.Tx) error { return fn(db.New(tx)) })
}

// InPgxTx is InTx for a function that needs the transaction itself.
func (s *SQL) InPgxTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	options := pgx.TxOptions{BeginQuery: begin}
	add, done := s.hook(ctx)
	if add == nil {
		return pgx.BeginTxFunc(ctx, s.Pool, options, fn)
	}
	err := pgx.BeginTxFunc(ctx, s.Pool, options, func(tx pgx.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return add(ctx, db.New(tx))
	})
	done(err)
	return err
}

// InSQLTx runs fn in a transaction that both database/sql and the generated queries work
// in: queries runs some of the latter. It is rolled back if fn fails.
func (s *SQL) InSQLTx(
	ctx context.Context, fn func(tx *sql.Tx, queries func(func(q *db.Queries) error) error) error,
) (err error) {
	d := stdlib.OpenDBFromPool(s.Pool)
	defer func() { err = errors.Join(err, d.Close()) }()
	conn, err := d.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	queries := func(run func(q *db.Queries) error) error {
		return conn.Raw(func(driver any) error {
			c, ok := driver.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("a connection of the driver %T: want pgx", driver)
			}
			return run(db.New(c.Conn()))
		})
	}
	if err := fn(tx, queries); err != nil {
		if undone := tx.Rollback(); undone != nil && !errors.Is(undone, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", undone))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
