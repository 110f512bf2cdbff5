// Package stack runs everything that Sluice needs on one machine: PostgreSQL,
// the ClickHouse engine, the Temporal server with its Web UI and, where wanted,
// the worker. Each is a child process of the same binary, supervised,
// restartable and killable.
//
// The package itself links none of the engines. A test uses it to run a stack
// and to kill parts of it:
//
//	s, err := stack.New(stack.Config{Binary: os.Getenv("SLUICE_DEV_BIN"), DataDir: t.TempDir(), Addresses: free})
//	err = s.Start(ctx)
//	err = s.Kill(stack.ComponentClickHouse)       // SIGKILL to the engine itself
//	err = s.WaitReady(ctx, stack.ComponentClickHouse) // the supervisor restarts it
//	err = s.Stop(ctx)
package stack

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/sluicehq/sluice/workflows"
)

// Worker describes the optional worker component.
type Worker struct {
	// Program is the path of the program that runs the worker. Defaults to
	// Config.Binary.
	Program string
	// Args are its arguments. Defaults to "worker". It finds the engines by the
	// variables of [Stack.Env].
	Args []string
	// Prepare runs in this process when the engines are ready and before the
	// worker starts, for migrations. Its argument is what [Stack.Env] returns.
	// Defaults to nothing.
	Prepare func(ctx context.Context, env map[string]string) error
	// Ready probes the worker at its address. Defaults to none: a started
	// worker counts as ready.
	Ready func(ctx context.Context, address string) error
}

// Server describes the optional server component, which takes events. With it the stack has the event log
// too.
type Server struct {
	// Args are the arguments of Config.Binary. Defaults to "serve". It finds store and event log by the
	// variables of [Stack.Env].
	Args []string
	// Ready probes the server at the address of its health. Defaults to none: a started server counts as
	// ready.
	Ready func(ctx context.Context, address string) error
}

// Config describes a stack. DataDir is required.
type Config struct {
	// Binary is the sluice-dev program. Defaults to this process's own.
	Binary string
	// DataDir holds everything that is kept: postgres/, clickhouse/, temporal/,
	// refdata/ and logs/. It is made when missing.
	DataDir string
	// Addresses default to [DefaultAddresses].
	Addresses Addresses
	// StoreDSN and WarehouseDSN name a PostgreSQL and a ClickHouse server that are there
	// already, and are used instead of the embedded ones. Default to none.
	StoreDSN, WarehouseDSN string
	// SearchAttributes are registered in Temporal, name to type ("Keyword",
	// "Int", ...). Defaults to [SearchAttributes].
	SearchAttributes map[string]string
	// NoSync lets PostgreSQL return from commits before they are on the disk: a power failure, though no
	// kill, loses data. For tests, whose databases are dropped every second.
	NoSync bool
	// EngineEnv is added to every component's environment, for example where
	// the engines' files are. Defaults to nothing.
	EngineEnv map[string]string
	// RefdataModules is the folder node_modules of the reference data, which the stack's folder refdata/ links to.
	// Defaults to none.
	RefdataModules string
	// Worker adds the worker. Defaults to nil: engines only.
	Worker *Worker
	// Server adds the event log and the server. Defaults to nil: neither.
	Server *Server
	// MaxStartFailures is how often in a row a component may fail to start
	// before Start fails. Defaults to 5.
	MaxStartFailures int
	// Logger receives what the supervisor does. Defaults to discarding.
	Logger *slog.Logger
	// Output receives the components' lines, prefixed. Defaults to discarding;
	// the files in logs/ have them in any case.
	Output io.Writer
	// Colour paints the prefixes.
	Colour bool
}

// SearchAttributes returns the typed search attributes that Sluice's workflows
// set.
func SearchAttributes() map[string]string { return workflows.SearchAttributes() }

// Validate reports every fault at once. Zero values that have a default are
// valid.
func (c Config) Validate() error {
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New("data folder is missing"))
	}
	if c.MaxStartFailures < 0 {
		errs = append(errs, errors.New("max start failures is negative"))
	}
	if c.Addresses != (Addresses{}) {
		errs = append(errs, validate(c.endpoints()))
	}
	return errors.Join(errs...)
}

// endpoints are the addresses at which the stack is going to listen.
func (c Config) endpoints() []endpoint {
	all := c.Addresses.endpoints(c.Worker != nil, c.Server != nil)
	return slices.DeleteFunc(all, func(e endpoint) bool {
		return c.StoreDSN != "" && e.component == ComponentPostgres ||
			c.WarehouseDSN != "" && e.component == ComponentClickHouse
	})
}

func (c Config) withDefaults() (Config, error) {
	var err error
	if c.Binary == "" {
		if c.Binary, err = os.Executable(); err != nil {
			return c, err
		}
	}
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return c, err
	}
	if c.Addresses == (Addresses{}) {
		c.Addresses = DefaultAddresses()
	}
	if c.SearchAttributes == nil {
		c.SearchAttributes = SearchAttributes()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
