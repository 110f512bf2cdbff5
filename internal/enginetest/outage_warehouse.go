package enginetest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
)

// WarehouseOutage is an outage of ClickHouse over HTTP. During the outage requests fail with the error
// of a server without memory (241).
type WarehouseOutage struct {
	Outage
	// DSN connects through the outage.
	DSN string
}

// NewWarehouseOutage returns an outage of the ClickHouse of a DSN with the scheme http. It has not
// begun.
func NewWarehouseOutage(tb testing.TB, dsn string) *WarehouseOutage {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	o := &WarehouseOutage{}
	o.End()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: u.Host})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.fails() {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-ClickHouse-Exception-Code", "241")
		http.Error(w, "Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)",
			http.StatusInternalServerError)
	}))
	tb.Cleanup(server.Close)
	u.Host = server.Listener.Addr().String()
	o.DSN = u.String()
	return o
}

// Open returns a warehouse that connects through the outage, until the end of the test.
func (o *WarehouseOutage) Open(tb testing.TB) *warehouse.Warehouse {
	tb.Helper()
	w, err := warehouse.Open(warehouse.Config{DSN: o.DSN})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, w.Close()) })
	return w
}
