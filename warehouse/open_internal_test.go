package warehouse

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dsn, address string
		protocol     clickhouse.Protocol
		tls          bool
	}{
		"native":          {"clickhouse://u:p@ch.example:9000/db", "ch.example:9000", clickhouse.Native, false},
		"native, secure":  {"clickhouse://u:p@ch.example:9440/db?secure=true", "ch.example:9440", clickhouse.Native, true},
		"http":            {"http://u:p@ch.example:8123/db", "ch.example:8123", clickhouse.HTTP, false},
		"https":           {"https://u:p@ch.example:8443/db?secure=true", "ch.example:8443", clickhouse.HTTP, true},
		"https is enough": {"https://u:p@ch.example:8443/db", "ch.example:8443", clickhouse.HTTP, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options, err := Config{DSN: tc.dsn}.options()
			require.NoError(t, err)
			require.Equal(t, []string{tc.address}, options.Addr)
			require.Equal(t, tc.protocol, options.Protocol)
			require.Equal(t, tc.tls, options.TLS != nil)
			require.Equal(t, clickhouse.Auth{Database: "db", Username: "u", Password: "p"}, options.Auth)
			require.Equal(t, 16, options.MaxOpenConns)
			require.Equal(t, 16, options.MaxIdleConns)
		})
	}
	options, err := Config{DSN: "http://ch.example:8123/db?dial_timeout=3s&max_memory_usage=5", MaxConns: 4}.options()
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, options.DialTimeout)
	require.Contains(t, options.Settings, "max_memory_usage")
	require.Equal(t, 4, options.MaxOpenConns)

	w, err := Open(Config{DSN: "http://ch.example:8123/db"})
	require.NoError(t, err)
	require.Equal(t, 2*time.Minute, w.insertTimeout)
	require.NoError(t, w.Close())
}

// An insert that its sender has given up ends on the server too, in whole seconds
// and never without a limit.
func TestInsertContext(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]int{
		time.Minute: 60, 1500 * time.Millisecond: 2, 200 * time.Millisecond: 1,
	} {
		require.Equal(t, want, (&Warehouse{insertTimeout: timeout}).serverTimeout(), timeout)
	}
}
