package temporal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/dynamicconfig"

	"github.com/sluicehq/sluice/devstack/ports"
)

// onFreePort returns cfg on a port that is free.
func onFreePort(t *testing.T, cfg Config) Config {
	t.Helper()
	free, err := ports.Free(DefaultIP, 2)
	require.NoError(t, err)
	cfg.Port, cfg.UIPort = free[0], free[1]
	return cfg
}

func TestConfig(t *testing.T) {
	t.Parallel()

	t.Run("reports every fault", func(t *testing.T) {
		t.Parallel()
		err := Config{IP: "nowhere", Port: -1, UIPort: 70000, HistoryShards: -1, Retention: time.Minute}.Validate()
		for _, want := range []string{
			`ip "nowhere": want an IP address`, "port -1", "ui port 70000", "history shards -1", "retention 1m0s: want 1h or more",
		} {
			require.ErrorContains(t, err, want)
		}
		for _, open := range []Config{{IP: "0.0.0.0"}, {UIIP: "::"}, {IP: "192.168.1.1"}} {
			require.ErrorContains(t, open.Validate(), "want a loopback address")
		}
	})

	t.Run("has usable defaults", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, Config{}.Validate())
		cfg := Config{IP: "localhost", Port: 1000, Namespaces: []string{"a", "default", "a", ""}}.withDefaults()
		require.Equal(t, "127.0.0.1", cfg.IP)
		require.Equal(t, "127.0.0.1", cfg.UIIP)
		require.Equal(t, 2000, cfg.UIPort)
		require.Equal(t, []string{"default", "a"}, cfg.Namespaces)
		require.Equal(t, 30*24*time.Hour, cfg.Retention)
	})

	t.Run("dials loopback when it listens everywhere", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "127.0.0.1", Config{IP: "0.0.0.0"}.dialIP())
		require.Equal(t, "10.1.2.3", Config{IP: "10.1.2.3"}.dialIP())
	})

	t.Run("lets the caller's pragmas win", func(t *testing.T) {
		t.Parallel()
		dbs := Config{DBFilename: "/x/t.db", Pragmas: map[string]string{"synchronous": "full"}}.databases()
		require.Equal(t, "/x/t.db", dbs.main.DatabaseName)
		require.Equal(t, "/x/t.db.visibility", dbs.visibility.DatabaseName)
		require.Equal(t, "full", dbs.main.ConnectAttributes["synchronous"])
		require.Equal(t, "wal", dbs.main.ConnectAttributes["journal_mode"])
		require.Equal(t, "normal", pragmas["synchronous"], "the defaults are not touched")
	})
}

func TestDynamicConfig(t *testing.T) {
	t.Parallel()
	values := dynamicConfig(map[string]any{"history.shardIOConcurrency": 3, "FRONTEND.enableServerVersionCheck": true, "x.y": "z"})
	value := func(key string) any {
		got := values.GetValue(dynamicconfig.MakeKey(key))
		require.Len(t, got, 1, key)
		return got[0].Value
	}
	require.Equal(t, 3, value("history.shardIOConcurrency"))
	require.Equal(t, true, value("frontend.enableServerVersionCheck"), "keys do not depend on case")
	require.Equal(t, "z", value("x.y"))
	require.Equal(t, 1, value("matching.numTaskqueueReadPartitions"))
}

func TestParseDynamicValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"true": true, "10": 10, "-3": -3, "1.5": 1.5, `"10s"`: "10s", "null": nil,
		`{"a":[1,2.5,{"b":3}]}`: map[string]any{"a": []any{1, 2.5, map[string]any{"b": 3}}},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := ParseDynamicValue(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	for _, text := range []string{"", "10s", "{", "1 2", "[1]]", "1e999"} {
		t.Run("refuses "+text, func(t *testing.T) {
			t.Parallel()
			_, err := ParseDynamicValue(text)
			require.Error(t, err)
		})
	}
}

func FuzzParseDynamicValue(f *testing.F) {
	for _, seed := range []string{"true", "10", `"10s"`, `{"a":[1,2.5]}`, "1e400", "[", "null"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := ParseDynamicValue(text)
		if err != nil {
			require.Nil(t, value)
			return
		}
		require.NotContains(t, []string{"json.Number", "int64"}, typeName(value))
	})
}

// typeName is the dynamic type's name, for values of which the server accepts
// only some.
func typeName(value any) string {
	switch value.(type) {
	case int64:
		return "int64"
	case int, float64, string, bool, nil, []any, map[string]any:
		return "accepted"
	}
	return "json.Number"
}
