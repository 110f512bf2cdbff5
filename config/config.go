// Package config defines the settings of all processes of Sluice. The sources of a
// setting, in rising precedence, are its default, the configuration file (YAML), the
// environment and flags. The connection to Temporal is configured like that of every
// Temporal client, by TEMPORAL_ADDRESS and related variables or a temporal.toml.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Config holds every setting. The zero value is invalid: start with Default.
type Config struct {
	Store       Store       `yaml:"store"`
	Warehouse   Warehouse   `yaml:"warehouse"`
	Worker      Worker      `yaml:"worker"`
	Server      Server      `yaml:"server"`
	Ingest      Ingest      `yaml:"ingest"`
	EventLog    EventLog    `yaml:"eventlog"`
	Refdata     Refdata     `yaml:"refdata"`
	Import      Import      `yaml:"import"`
	CSV         CSV         `yaml:"csv"`
	Limits      Limits      `yaml:"limits"`
	Review      Review      `yaml:"review"`
	Retention   Retention   `yaml:"retention"`
	Sync        Sync        `yaml:"sync"`
	Connections Connections `yaml:"connections"`
	Notify      Notify      `yaml:"notify"`
	Log         Log         `yaml:"log"`
}

// Store configures the connection to PostgreSQL.
type Store struct {
	// DSN is a connection URI. Defaults to the embedded stack's.
	DSN string `yaml:"dsn"`
	// MaxConns bounds the pool. Defaults to 10.
	MaxConns int32 `yaml:"max_conns"`
}

// Warehouse configures the connection to ClickHouse.
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
	// CAFile, CertFile, KeyFile and ServerName configure TLS. Default to the settings
	// in the DSN.
	CAFile     string `yaml:"ca_file"`
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"`
}

// Worker configures `sluice worker`.
type Worker struct {
	// Listen is the address of health, readiness and metrics. Defaults to
	// DefaultWorkerAddress; "off" disables them.
	Listen string `yaml:"listen"`
	// LoadSlots is the number of parts that the worker loads concurrently, each with
	// about 50 MiB of buffers. Defaults to 4.
	LoadSlots int `yaml:"load_slots"`
	// StopTimeout bounds a graceful stop. Defaults to 30s.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// StartTimeout bounds the wait for unavailable databases and Temporal at the start
	// of the worker. Defaults to 3m.
	StartTimeout time.Duration `yaml:"start_timeout"`
	// MemoryLimitMiB is the soft limit of Go's memory, unless GOMEMLIMIT is set, without the open sessions of the
	// partitions that it writes (Ingest.SessionMiB). Defaults to 230.
	MemoryLimitMiB int64 `yaml:"memory_limit_mib"`
	// Nice is the nice value of the worker's process, 0 to 19, on Linux: on a machine that it shares with the server,
	// answers come first. 0 leaves it as it is. Defaults to 5.
	Nice int `yaml:"nice"`
	// StickyCache is the number of workflows kept in memory between their tasks. 0
	// replays them for every task, as tests do. Defaults to 1000.
	StickyCache int `yaml:"sticky_cache"`
	// Deployment and BuildID enable worker versioning: the name of the worker's Worker
	// Deployment, and its version in the deployment. Set both or neither. Default to "",
	// workers without versions.
	Deployment string `yaml:"deployment"`
	BuildID    string `yaml:"build_id"`
}

// Import holds the defaults of new imports.
type Import struct {
	// ChunkRows and ChunkBytes bound a chunk. Default to 131072 rows, 16 MiB.
	ChunkRows  int `yaml:"chunk_rows"`
	ChunkBytes int `yaml:"chunk_bytes"`
	// Parallelism is the number of parts of an import that are loaded concurrently.
	// Defaults to 2.
	Parallelism int `yaml:"parallelism"`
	// MaxRejects and MaxRejectShare are the number and the share of rejected rows that a
	// part tolerates; the larger limit applies. Default to 100 rows, 0.01.
	MaxRejects     int64   `yaml:"max_rejects"`
	MaxRejectShare float64 `yaml:"max_reject_share"`
	// MaxRejectCeiling is the maximum share of rejected rows in a whole part, more than 0
	// and at most 1, regardless of the other two limits. Defaults to 0.5.
	MaxRejectCeiling float64 `yaml:"max_reject_ceiling"`
	// OnPartFailure is the action when a part's retries are exhausted: "park" waits for
	// a decision, "fail" fails the import. Defaults to park.
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
			MemoryLimitMiB: 230, Nice: 5, StickyCache: 1000,
		},
		Server:   defaultServer(),
		Ingest:   defaultIngest(),
		EventLog: defaultEventLog(),
		Import: Import{
			ChunkRows: 131072, ChunkBytes: 16 << 20, Parallelism: 2,
			MaxRejects: 100, MaxRejectShare: 0.01, MaxRejectCeiling: 0.5, OnPartFailure: "park",
		},
		Limits:    defaultLimits(),
		Review:    defaultReview(),
		Retention: defaultRetention(),
		Sync:      defaultSync(),
		Notify:    defaultNotify(),
		Log:       Log{Level: slog.LevelInfo, Format: "text"},
	}
}

// Validate reports all errors at once, each with the name of the setting in the
// configuration file.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	// Errors never quote DSNs, which may contain passwords.
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
	check(c.Worker.Nice >= 0 && c.Worker.Nice <= 19, "worker.nice is %d: want 0 to 19", c.Worker.Nice)
	check(c.Worker.StickyCache >= 0, "worker.sticky_cache is %d: want at least 0", c.Worker.StickyCache)
	c.Worker.validateVersion(check)
	c.Server.validate(check)
	c.Ingest.validate(check)
	c.EventLog.validate(check)
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
	c.Sync.validate(check)
	c.Notify.validate(check)
	check(c.Log.Format == "text" || c.Log.Format == "json", "log.format is %q: want text or json", c.Log.Format)
	return errors.Join(faults...)
}

func oneTo(most, n int) bool { return 1 <= n && n <= most }
