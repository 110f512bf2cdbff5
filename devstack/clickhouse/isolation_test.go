package clickhouse

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// TestIsolation sends requests that leave something behind, and looks for it
// in later ones.
func TestIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)

	ok := func(t *testing.T, path, sql string) string {
		t.Helper()
		status, _, text := post(t, path, sql, nil)
		require.Equal(t, http.StatusOK, status, text)
		return text
	}

	t.Run("settings", func(t *testing.T) {
		t.Parallel()
		before := ok(t, "/", "SELECT name, value FROM system.settings WHERE changed AND name != '"+markSetting+"' ORDER BY name")
		for _, sql := range []string{
			"SELECT getSetting('max_threads')", "SELECT getSetting('max_threads') FORMAT JSONCompact",
			"CREATE TABLE IF NOT EXISTS settings (a UInt8) ENGINE = Memory", "INSERT INTO settings VALUES (1)",
			"SYSTEM FLUSH LOGS", "SET max_threads = 7", "SELECT 1 SETTINGS max_threads = 9",
		} {
			ok(t, b.path("max_threads=5&readonly=0&param_p=1"), sql)
			require.Equal(t, before, ok(t, "/", "SELECT name, value FROM system.settings WHERE changed AND name != '"+markSetting+"' ORDER BY name"), sql)
		}
		// After a failure as well.
		status, _, _ := post(t, b.path("max_threads=5"), "SELECT throwIf(number = 1000000) FROM numbers(1000001) FORMAT Null", nil)
		require.Equal(t, http.StatusInternalServerError, status)
		require.Equal(t, before, ok(t, "/", "SELECT name, value FROM system.settings WHERE changed AND name != '"+markSetting+"' ORDER BY name"))
	})

	t.Run("database, temporary tables and parameters", func(t *testing.T) {
		t.Parallel()
		ok(t, b.path("param_p=1"), "SELECT {p:UInt8}")
		ok(t, b.path(""), "USE system")
		ok(t, b.path(""), "CREATE TEMPORARY TABLE temporary (a UInt8)")
		require.Equal(t, DefaultDatabase+"\n", ok(t, "/", "SELECT currentDatabase()"))
		status, header, _ := post(t, "/", "SELECT * FROM temporary", nil)
		require.Equal(t, http.StatusNotFound, status)
		require.Equal(t, "60", header.Get("X-ClickHouse-Exception-Code"))
		status, header, _ = post(t, "/", "SELECT {p:UInt8}", nil)
		require.NotEqual(t, http.StatusOK, status)
		require.Equal(t, "456", header.Get("X-ClickHouse-Exception-Code"))
	})

	t.Run("many at once", func(t *testing.T) {
		t.Parallel()
		var group errgroup.Group
		for i := range 64 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/?max_block_size=%d&param_p=%d", base(), 1000+i, i),
				strings.NewReader("SELECT getSetting('max_block_size'), {p:UInt64}, count() FROM numbers(1000000)"))
			require.NoError(t, err)
			group.Go(func() error {
				_, _, text, err := try(r)
				if want := fmt.Sprintf("%d\t%d\t1000000\n", 1000+i, i); err == nil && text != want {
					return fmt.Errorf("want %q, got %q", want, text)
				}
				return err
			})
		}
		require.NoError(t, group.Wait())
	})

	t.Run("names of settings are no way into the SQL", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"max_threads%3D1,readonly", "a%20b", "%60x%60", markSetting, "nonsense"} {
			status, header, text := post(t, "/?"+name+"=1", "SELECT 1", nil)
			require.Equal(t, http.StatusNotFound, status, text)
			require.Equal(t, "115", header.Get("X-ClickHouse-Exception-Code"))
		}
		status, _, text := post(t, `/?log_comment=it%27s%5C%27,%20max_threads=1`, "SELECT getSetting('log_comment') FORMAT TSVRaw", nil)
		require.Equal(t, http.StatusOK, status, text)
		require.Equal(t, `it's\', max_threads=1`+"\n", text)
	})
}
