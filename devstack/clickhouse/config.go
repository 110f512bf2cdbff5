// Package clickhouse serves the ClickHouse engine in process, behind
// ClickHouse's own interfaces: HTTP and the native TCP protocol.
//
// The engine is chDB: ClickHouse built as a shared library. One process owns
// one data directory, and clients such as clickhouse-go talk to it as they
// would to a server (https://clickhouse.com/docs/interfaces). It is made
// for development, tests and small installations on one machine.
//
// What differs from a server: user and password are not checked, so it listens on
// loopback only and answers no page of another site; clients reach no file, program
// or other server: table functions and engines such as file(), url() and s3(),
// dictionaries, backups, INTO OUTFILE and FROM INFILE are refused, and VALUES takes no
// comments, quoted names and heredocs; session_id is ignored, each request is a session of its own, and
// so is each query of a native connection, which does not transfer JSON,
// Dynamic, Variant nor the states of aggregate functions;
// the data of input() are held in memory; and a query_id is returned to the
// client, but unknown to KILL QUERY and system tables. An INSERT that is broken
// off keeps none of the block being built,
// but, as with a server, the parts of a large one that were complete before.
package clickhouse

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/sluicehq/sluice/devstack/loopback"
)

// Defaults of [Config].
const (
	// DefaultDatabase is the database that is made at start and used by
	// requests that name none.
	DefaultDatabase = "sluice"

	// DefaultShutdownGrace is how long running queries may continue after the
	// context of [Run] has ended.
	DefaultShutdownGrace = 10 * time.Second
)

// Config says where the engine listens and where its data are.
type Config struct {
	// Address is the TCP address of the HTTP interface, host:port. The
	// interface does not check passwords, so the host must be a loopback
	// address; port 0 picks a free one, which Ready reports. Required.
	Address string

	// NativeAddress is the TCP address of the native interface, host:port, to
	// which the same applies. Defaults to "": there is none.
	NativeAddress string

	// DataDir is the directory of the engine's data, made if it is missing.
	// One process at a time may use it. Required.
	DataDir string

	// LibraryPath is the file of libchdb (libchdb.so, libchdb.dylib).
	// engines.LibCHDB finds it. Required.
	LibraryPath string

	// Database is made at start if it is missing, and is the database of
	// requests that name none. Defaults to "sluice".
	Database string

	// Logger receives the engine's own messages, never a query's data.
	// Defaults to a logger that discards.
	Logger *slog.Logger

	// Ready, if set, is called once when the interface accepts requests, with
	// the address it listens on. It must not block.
	Ready func(addr string)

	// NativeReady, if set, is called before Ready with the address of the
	// native interface, if there is one. It must not block.
	NativeReady func(addr string)

	// MaxThreads bounds the threads of one query. Defaults to 0: as many as
	// there are CPUs.
	MaxThreads int

	// MaxConnections bounds the queries that run at once; more wait for their
	// turn. Defaults to twice the number of CPUs, at least 4 and at most 16.
	MaxConnections int

	// MaxMemory bounds the memory of the engine's queries together, in bytes.
	// Defaults to 0: the engine's own bound, a share of the machine's memory.
	MaxMemory int64

	// ShutdownGrace is how long running queries may continue after the context
	// of [Run] has ended; after that they are cancelled. Defaults to 10s.
	ShutdownGrace time.Duration
}

// Validate reports every fault of the configuration at once. Zero values
// that have a default are valid.
func (c Config) Validate() error {
	var errs []error
	if err := loopback.CheckAddress(c.Address); err != nil {
		errs = append(errs, err)
	}
	if c.NativeAddress != "" {
		if err := loopback.CheckAddress(c.NativeAddress); err != nil {
			errs = append(errs, fmt.Errorf("native %w", err))
		}
	}
	if c.DataDir == "" {
		errs = append(errs, errors.New("data directory: want a path, got none"))
	} else if strings.ContainsAny(c.DataDir, "*?{}\x00") {
		// The engine would take the paths of our pipes for patterns.
		errs = append(errs, fmt.Errorf("data directory %q: want a path without * ? { }", c.DataDir))
	}
	if c.LibraryPath == "" {
		errs = append(errs, errors.New(`library path: want the file of libchdb: run "make engines", or set SLUICE_LIBCHDB`))
	} else if info, err := os.Stat(c.LibraryPath); err != nil {
		errs = append(errs, fmt.Errorf("library path: %w", err))
	} else if info.IsDir() {
		errs = append(errs, fmt.Errorf("library path %q: want a file, got a directory", c.LibraryPath))
	}
	if strings.ContainsRune(c.Database, 0) {
		errs = append(errs, fmt.Errorf("database %q: a name holds no NUL", c.Database))
	}
	if c.MaxThreads < 0 {
		errs = append(errs, fmt.Errorf("max threads %d: want 0 or more", c.MaxThreads))
	}
	if c.MaxConnections < 0 {
		errs = append(errs, fmt.Errorf("max connections %d: want 0 or more", c.MaxConnections))
	}
	if c.MaxMemory < 0 {
		errs = append(errs, fmt.Errorf("max memory %d: want 0 or more bytes", c.MaxMemory))
	}
	if c.ShutdownGrace < 0 {
		errs = append(errs, fmt.Errorf("shutdown grace %s: want 0 or more", c.ShutdownGrace))
	}
	return errors.Join(errs...)
}

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() Config {
	c.Database = cmp.Or(c.Database, DefaultDatabase)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Ready == nil {
		c.Ready = func(string) {}
	}
	if c.NativeReady == nil {
		c.NativeReady = func(string) {}
	}
	c.MaxConnections = cmp.Or(c.MaxConnections, min(max(2*runtime.NumCPU(), 4), 16))
	c.ShutdownGrace = cmp.Or(c.ShutdownGrace, DefaultShutdownGrace)
	return c
}
