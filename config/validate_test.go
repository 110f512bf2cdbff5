package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValidateReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	err := Config{}.Validate()
	require.Error(t, err)
	require.Equal(t, []string{
		"store.dsn is empty: want postgres://user:password@host:port/database",
		"store.max_conns is 0: want at least 2",
		"warehouse.dsn is empty: want clickhouse://user:password@host:9000/database or http://...",
		"warehouse.max_conns is 0: want at least 2",
		"warehouse.insert_timeout is 0s: want at least 1s",
		`worker.listen is "": want host:port, or off`,
		"worker.load_slots is 0: want 1 to 64",
		"worker.stop_timeout is 0s: want more than 0",
		"worker.start_timeout is 0s: want more than 0",
		"worker.memory_limit_mib is 0: want at least 64",
		`server.listen is "": want host:port`,
		`server.health_listen is "": want host:port, or off`,
		"server.max_connections is 0: want 1 to 1000000",
		"server.max_pending_mib is 0: want 32 to 1048576",
		"server.header_timeout is 0s: want more than 0",
		"server.read_timeout is 0s: want more than 0",
		"server.idle_timeout is 0s: want more than 0",
		"server.log_timeout is 0s: want more than 0",
		"server.write_timeout is 0s: want more than 0",
		"server.stop_timeout is 0s: want more than 0",
		"server.start_timeout is 0s: want more than 0",
		"server.max_streams is 0: want 1 to 100000",
		"server.max_upload_mib is 0: want 1 to 1048576",
		"server.max_uploads_per_site is 0: want 1 to 10000",
		`ingest.bots is "": want drop, tag or off`,
		`ingest.data_centres is "": want drop, tag or off`,
		"ingest.flush_interval is 0s: want 10ms to 1m",
		"ingest.session_mib is 0: want 1 to 1048576",
		"eventlog.streams is 0: want 1 to 4, the number of partitions",
		"eventlog.replicas is 0: want 1 to 5",
		"eventlog.max_mib is 0: want 16 to 1073741824 for 4 partitions",
		"import.chunk_rows is 0: want 1 to 1000000",
		"import.chunk_bytes is 0: want 1 to 268435456",
		"import.parallelism is 0: want 1 to 64",
		"import.max_reject_ceiling is 0: want more than 0, at most 1",
		`import.on_part_failure is "": want park or fail`,
		"review.reminder is 0s: want at least 1s",
		"review.expiry is 0s: want at least 1s",
		"retention.states is empty: want some of succeeded, discarded, cancelled",
		"retention.cron: is empty: want five fields, such as '0 3 * * *' for every day at 03:00",
		"sync.interval is 0s: want 1s to 24h",
		"sync.every is 0s: want whole seconds, 1m to 744h",
		"notify.smtp_port is 0: want 1 to 65535",
		`notify.smtp_tls is "": want starttls, tls or none`,
		`log.format is "": want text or json`,
	}, strings.Split(err.Error(), "\n"))
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"smallest":             {func(c *Config) { c.Import.ChunkRows, c.Import.ChunkBytes, c.Import.Parallelism = 1, 1, 1 }, ""},
		"largest":              {func(c *Config) { c.Import.ChunkRows, c.Import.ChunkBytes, c.Import.Parallelism = 1e6, 256<<20, 64 }, ""},
		"no rejects":           {func(c *Config) { c.Import.MaxRejects, c.Import.MaxRejectShare = 0, 0 }, ""},
		"all rejects":          {func(c *Config) { c.Import.MaxRejectShare = 1 }, ""},
		"no listener":          {func(c *Config) { c.Worker.Listen = "off" }, ""},
		"any host":             {func(c *Config) { c.Worker.Listen = ":9464" }, ""},
		"no sticky cache":      {func(c *Config) { c.Worker.StickyCache = 0 }, ""},
		"client certificate":   {func(c *Config) { c.Warehouse.CertFile, c.Warehouse.KeyFile = "a", "b" }, ""},
		"chunk rows":           {func(c *Config) { c.Import.ChunkRows = 1e6 + 1 }, "import.chunk_rows is 1000001: want 1 to 1000000"},
		"chunk bytes":          {func(c *Config) { c.Import.ChunkBytes = 256<<20 + 1 }, "import.chunk_bytes is 268435457: want 1 to 268435456"},
		"parallelism":          {func(c *Config) { c.Import.Parallelism = 65 }, "import.parallelism is 65: want 1 to 64"},
		"negative rejects":     {func(c *Config) { c.Import.MaxRejects = -1 }, "import.max_rejects is -1: want at least 0"},
		"share above one":      {func(c *Config) { c.Import.MaxRejectShare = 1.5 }, "import.max_reject_share is 1.5: want 0 to 1"},
		"ceiling of zero":      {func(c *Config) { c.Import.MaxRejectCeiling = 0 }, "import.max_reject_ceiling is 0: want more than 0, at most 1"},
		"ceiling above one":    {func(c *Config) { c.Import.MaxRejectCeiling = 1.5 }, "import.max_reject_ceiling is 1.5: want more than 0, at most 1"},
		"ceiling not a number": {func(c *Config) { c.Import.MaxRejectCeiling = math.NaN() }, "import.max_reject_ceiling is NaN: want more than 0, at most 1"},
		"share not a number":   {func(c *Config) { c.Import.MaxRejectShare = math.NaN() }, "import.max_reject_share is NaN: want 0 to 1"},
		"key alone":            {func(c *Config) { c.Warehouse.KeyFile = "b" }, "warehouse.cert_file and warehouse.key_file go together"},
		"slots":                {func(c *Config) { c.Worker.LoadSlots = 65 }, "worker.load_slots is 65: want 1 to 64"},
		"negative cache":       {func(c *Config) { c.Worker.StickyCache = -1 }, "worker.sticky_cache is -1: want at least 0"},
		"short insert":         {func(c *Config) { c.Warehouse.InsertTimeout = time.Millisecond }, "warehouse.insert_timeout is 1ms: want at least 1s"},
		"versioned":            {func(c *Config) { c.Worker.Deployment, c.Worker.BuildID = "sluice", "1.4.0+g12ab" }, ""},
		"build alone":          {func(c *Config) { c.Worker.BuildID = "1" }, "worker.deployment and worker.build_id go together"},
		"deployment alone":     {func(c *Config) { c.Worker.Deployment = "sluice" }, "worker.deployment and worker.build_id go together"},
		"deployment's dot": {
			func(c *Config) { c.Worker.Deployment, c.Worker.BuildID = "sluice.main", "1" },
			`worker.deployment is "sluice.main": want at most 100 bytes, without "." and ":"`,
		},
		"reserved deployment": {
			func(c *Config) { c.Worker.Deployment, c.Worker.BuildID = "__sluice", "1" },
			`worker.deployment and worker.build_id cannot begin with "__"`,
		},
		"no limits":      {func(c *Config) { c.Limits = Limits{} }, ""},
		"negative limit": {func(c *Config) { c.Limits.Running = -1 }, "limits.running is -1: want at least 0"},
		"short expiry":   {func(c *Config) { c.Review.Expiry = time.Millisecond }, "review.expiry is 1ms: want at least 1s"},
		"retention": {
			func(c *Config) {
				c.Retention.Events, c.Retention.States, c.Retention.Cron = 720*time.Hour, "succeeded, discarded", "@daily"
			}, "",
		},
		"short retention": {
			func(c *Config) { c.Retention.Events = time.Second },
			"retention.events is 1s: want 0, for ever, or whole seconds, at least 1m",
		},
		"negative retention": {
			func(c *Config) { c.Retention.Events = -time.Hour },
			"retention.events is -1h0m0s: want 0, for ever, or whole seconds, at least 1m",
		},
		"short retention of the audit": {
			func(c *Config) { c.Retention.Audit = time.Hour },
			"retention.audit is 1h0m0s: want 0, for ever, or at least 24h",
		},
		"retention of the unfinished": {
			func(c *Config) { c.Retention.States = "succeeded,held" },
			`retention.states has "held": want some of succeeded, discarded, cancelled`,
		},
		"retention's cron": {
			func(c *Config) { c.Retention.Cron = "0 3 * *" },
			`retention.cron: "0 3 * *" has 4 fields: want minute, hour, day of the month, month and day of the week`,
		},
		"retention's jitter": {
			func(c *Config) { c.Retention.Jitter = 25 * time.Hour },
			"retention.jitter is 25h0m0s: want 0 to 24h",
		},
		"long build": {
			func(c *Config) { c.Worker.Deployment, c.Worker.BuildID = "sluice", strings.Repeat("1", 101) },
			"worker.build_id has 101 bytes: want at most 100",
		},
		"listen": {func(c *Config) { c.Worker.Listen = "9464" }, `worker.listen is "9464": want host:port, or off`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			c.Store.DSN = "postgres://u:" + secret + "@db/x"
			test.change(&c)
			if test.want == "" {
				require.NoError(t, c.Validate())
				return
			}
			require.EqualError(t, c.Validate(), test.want)
		})
	}
}
