// Package stack connects a benchmark to the stack in which `sluice-dev exec` runs it.
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Stack has the settings of a stack and connections to it.
type Stack struct {
	Settings config.Config
	Store    *dispatchstore.Store
	// DB is for what no package of the store does.
	DB       *pgxpool.Pool
	Temporal client.Client
	// TemporalOptions are those of Temporal.
	TemporalOptions client.Options
}

// Connect finds the stack by the environment that `sluice-dev exec` has set. conns is the number of connections of
// Store; 0 is its default.
func Connect(ctx context.Context, conns int32) (*Stack, error) {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return nil, err
	}
	s := &Stack{Settings: settings}
	if err := s.connect(ctx, conns); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stack) connect(ctx context.Context, conns int32) (err error) {
	s.TemporalOptions, err = starter.TemporalOptions(slog.New(slog.DiscardHandler), os.Environ())
	if err != nil {
		return err
	}
	dsn := s.Settings.Store.DSN
	if s.Store, err = dispatchstore.Open(ctx, store.Config{DSN: dsn, MaxConns: conns}, nil); err != nil {
		return err
	}
	if s.DB, err = pgxpool.New(ctx, dsn); err != nil {
		return err
	}
	s.Temporal, err = client.DialContext(ctx, s.TemporalOptions)
	return err
}

// Close closes the connections.
func (s *Stack) Close() {
	if s.Temporal != nil {
		s.Temporal.Close()
	}
	if s.DB != nil {
		s.DB.Close()
	}
	if s.Store != nil {
		s.Store.Close()
	}
}

// Starter returns a starter of imports.
func (s *Stack) Starter() *starter.Starter {
	return &starter.Starter{
		Temporal: s.Temporal, Namespace: s.TemporalOptions.Namespace, Store: s.Store,
		Registry: components.Stock(s.Settings).Importers,
		Defaults: s.Settings.Import, Review: s.Settings.Review, Limits: s.Settings.Limits,
	}
}

// TemporalPID returns the process of the Temporal server, which runs on this machine: it has the port among its
// arguments.
func (s *Stack) TemporalPID() (int, error) {
	_, port, err := net.SplitHostPort(s.TemporalOptions.HostPort)
	if err != nil {
		return 0, fmt.Errorf("temporal address: %w", err)
	}
	pid, err := workerprocess.Find("start-dev", port)
	if err != nil {
		return 0, fmt.Errorf("the Temporal server: %w", err)
	}
	return pid, nil
}

// PostgresPID returns the process of the PostgreSQL server, which runs on this machine: it is the parent of its
// sessions.
func PostgresPID(ctx context.Context, dsn string) (pid int, err error) {
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, fmt.Errorf("PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	var session int
	if err := db.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&session); err != nil {
		return 0, fmt.Errorf("PostgreSQL: %w", err)
	}
	return workerprocess.Parent(session)
}
