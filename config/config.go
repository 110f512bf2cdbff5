// Package config has the settings of all of Sluice's processes. A setting comes
// from, in rising order: its default, the configuration file (YAML), the environment,
// flags. The connection to Temporal is not among them: it is configured like
// every Temporal client, by TEMPORAL_ADDRESS and its siblings or a temporal.toml.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/sluicehq/sluice/warehouse"
)

// Config has every setting. Its zero value is not valid; start with Default.
type Config struct {
	Store       Store       `yaml:"store"`
	Warehouse   Warehouse   `yaml:"warehouse"`
	Worker      Worker      `yaml:"worker"`
	Import      Import      `yaml:"import"`
	CSV         CSV         `yaml:"csv"`
	Limits      Limits      `yaml:"limits"`
	Review      Review      `yaml:"review"`
	Retention   Retention   `yaml:"retention"`
	Connections Connections `yaml:"connections"`
	Notify      Notify      `yaml:"notify"`
	Log         Log         `yaml:"log"`
}

// Store says how to reach PostgreSQL.
type Store struct {
	// DSN is a connection URI. Defaults to the embedded stack's.
	DSN string `yaml:"dsn"`
	// MaxConns bounds the pool. Defaults to 10.
	MaxConns int32 `yaml:"max_conns"`
}

// Warehouse says how to reach ClickHouse.
type Warehouse struct {
	// DSN is a URL: clickhouse:// for the native protocol, http:// or https:// for
	// HTTP. Defaults to the embedded stack's.
	DSN string `yaml:"dsn"`
	// Cluster names the cluster to create tables on. Defaults to none.
	Cluster string `yaml:"cluster"`
	// MaxConns bounds the pool. Defaults to 16.
	MaxConns int `yaml:"max_conns"`
	// InsertTimeout bounds the insert of a chunk. Defaults to 2m.
	InsertTimeout time.Duration `yaml:"insert_timeout"`
	// CAFile, CertFile, KeyFile and ServerName configure TLS. Default to what the
	// DSN asks for.
	CAFile     string `yaml:"ca_file"`
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"`
}

// Worker configures `sluice worker`.
type Worker struct {
	// Listen is the address of health, readiness and metrics. Defaults to
	// DefaultWorkerAddress; "off" listens nowhere.
	Listen string `yaml:"listen"`
	// LoadSlots is how many parts the worker loads at once, each with about 50 MiB
	// of buffers. Defaults to 4.
	LoadSlots int `yaml:"load_slots"`
	// StopTimeout bounds a graceful stop. Defaults to 30s.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// StartTimeout bounds how long the worker waits at its start for databases and
	// Temporal that are not there yet. Defaults to 3m.
	StartTimeout time.Duration `yaml:"start_timeout"`
	// MemoryLimitMiB is the soft limit of Go's memory, unless GOMEMLIMIT is set.
	// Defaults to 230.
	MemoryLimitMiB int64 `yaml:"memory_limit_mib"`
	// StickyCache is how many workflows stay in memory between their tasks; 0 replays
	// them every time, which tests do. Defaults to 1000.
	StickyCache int `yaml:"sticky_cache"`
	// Deployment and BuildID let Temporal send tasks by the version of the worker: the name
	// of the Worker Deployment that it belongs to, and its version in there. They go
	// together. Default to "", workers without versions.
	Deployment string `yaml:"deployment"`
	BuildID    string `yaml:"build_id"`
}

// Import has the defaults of new imports.
type Import struct {
	// ChunkRows and ChunkBytes bound a chunk. Default to 131072 rows, 16 MiB.
	ChunkRows  int `yaml:"chunk_rows"`
	ChunkBytes int `yaml:"chunk_bytes"`
	// Parallelism is how many parts of an import are loaded at once. Defaults to 2.
	Parallelism int `yaml:"parallelism"`
	// MaxRejects and MaxRejectShare are how many bad rows a part may have: as many
	// as the more generous of the two allows. Default to 100 rows, 0.01.
	MaxRejects     int64   `yaml:"max_rejects"`
	MaxRejectShare float64 `yaml:"max_reject_share"`
	// MaxRejectCeiling is the share of a whole part's rows that may be bad, more than 0 and
	// at most 1, whatever the other two allow. Defaults to 0.5.
	MaxRejectCeiling float64 `yaml:"max_reject_ceiling"`
	// OnPartFailure says what happens when a part's retries are exhausted: "park"
	// waits for a decision, "fail" fails the import. Defaults to park.
	OnPartFailure string `yaml:"on_part_failure"`
}

// Log configures logging, which goes to standard error.
type Log struct {
	// Level is the lowest level that is logged. Defaults to INFO.
	Level slog.Level `yaml:"level"`
	// Format is "text" or "json". Defaults to text.
	Format string `yaml:"format"`
}

// Default returns the settings of the embedded stack.
func Default() Config {
	return Config{
		Store:     Store{DSN: DefaultStoreDSN, MaxConns: 10},
		Warehouse: Warehouse{DSN: DefaultWarehouseDSN, MaxConns: 16, InsertTimeout: 2 * time.Minute},
		Worker: Worker{
			Listen: DefaultWorkerAddress, LoadSlots: 4, StopTimeout: 30 * time.Second, StartTimeout: 3 * time.Minute,
			MemoryLimitMiB: 230, StickyCache: 1000,
		},
		Import: Import{
			ChunkRows: 131072, ChunkBytes: 16 << 20, Parallelism: 2,
			MaxRejects: 100, MaxRejectShare: 0.01, MaxRejectCeiling: 0.5, OnPartFailure: "park",
		},
		Limits:    defaultLimits(),
		Review:    defaultReview(),
		Retention: defaultRetention(),
		Notify:    defaultNotify(),
		Log:       Log{Level: slog.LevelInfo, Format: "text"},
	}
}

// Validate reports every fault at once, each with the name of the setting in the
// configuration file.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	// DSNs are never quoted: they may hold passwords.
	check(c.Store.DSN != "", "store.dsn is empty: want postgres://user:password@host:port/database")
	check(c.Store.MaxConns >= 2, "store.max_conns is %d: want at least 2", c.Store.MaxConns)
	check(c.Warehouse.DSN != "",
		"warehouse.dsn is empty: want clickhouse://user:password@host:9000/database or http://...")
	check(c.Warehouse.MaxConns >= 2, "warehouse.max_conns is %d: want at least 2", c.Warehouse.MaxConns)
	check(c.Warehouse.InsertTimeout >= time.Second,
		"warehouse.insert_timeout is %s: want at least 1s", c.Warehouse.InsertTimeout)
	check((c.Warehouse.CertFile == "") == (c.Warehouse.KeyFile == ""),
		"warehouse.cert_file and warehouse.key_file go together")
	if c.Worker.Listen != "off" {
		_, _, err := net.SplitHostPort(c.Worker.Listen)
		check(err == nil, "worker.listen is %q: want host:port, or off", c.Worker.Listen)
	}
	check(oneTo(64, c.Worker.LoadSlots), "worker.load_slots is %d: want 1 to 64", c.Worker.LoadSlots)
	check(c.Worker.StopTimeout > 0, "worker.stop_timeout is %s: want more than 0", c.Worker.StopTimeout)
	check(c.Worker.StartTimeout > 0, "worker.start_timeout is %s: want more than 0", c.Worker.StartTimeout)
	check(c.Worker.MemoryLimitMiB >= 64, "worker.memory_limit_mib is %d: want at least 64", c.Worker.MemoryLimitMiB)
	check(c.Worker.StickyCache >= 0, "worker.sticky_cache is %d: want at least 0", c.Worker.StickyCache)
	c.Worker.validateVersion(check)
	check(oneTo(1_000_000, c.Import.ChunkRows), "import.chunk_rows is %d: want 1 to 1000000", c.Import.ChunkRows)
	check(oneTo(256<<20, c.Import.ChunkBytes), "import.chunk_bytes is %d: want 1 to 268435456", c.Import.ChunkBytes)
	check(oneTo(64, c.Import.Parallelism), "import.parallelism is %d: want 1 to 64", c.Import.Parallelism)
	check(c.Import.MaxRejects >= 0, "import.max_rejects is %d: want at least 0", c.Import.MaxRejects)
	check(c.Import.MaxRejectShare >= 0 && c.Import.MaxRejectShare <= 1,
		"import.max_reject_share is %g: want 0 to 1", c.Import.MaxRejectShare)
	check(c.Import.MaxRejectCeiling > 0 && c.Import.MaxRejectCeiling <= 1,
		"import.max_reject_ceiling is %g: want more than 0, at most 1", c.Import.MaxRejectCeiling)
	check(c.Import.OnPartFailure == "park" || c.Import.OnPartFailure == "fail",
		"import.on_part_failure is %q: want park or fail", c.Import.OnPartFailure)
	c.CSV.validate(check)
	c.Connections.validate(check)
	c.Limits.validate(check)
	c.Review.validate(check)
	c.Retention.validate(check)
	c.Notify.validate(check)
	check(c.Log.Format == "text" || c.Log.Format == "json", "log.format is %q: want text or json", c.Log.Format)
	return errors.Join(faults...)
}

func oneTo(most, n int) bool { return 1 <= n && n <= most }

// Connection returns the settings as package warehouse takes them.
func (w Warehouse) Connection() warehouse.Config {
	return warehouse.Config{
		DSN: w.DSN, Cluster: w.Cluster, MaxConns: w.MaxConns, InsertTimeout: w.InsertTimeout,
		TLS: warehouse.TLSConfig{CAFile: w.CAFile, CertFile: w.CertFile, KeyFile: w.KeyFile, ServerName: w.ServerName},
	}
}
