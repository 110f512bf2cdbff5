package warehouse_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// portal stands before ClickHouse and answers statements that begin with one of the words by
// itself, with 200 and nothing, once it is switched on.
func portal(t *testing.T, dsn string, words ...string) (through string, on *atomic.Bool) {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: u.Host})
	on = &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		statement := strings.TrimSpace(r.URL.Query().Get("query") + string(body))
		for _, word := range words {
			if on.Load() && strings.HasPrefix(statement, word) {
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u.Host = strings.TrimPrefix(server.URL, "http://")
	return u.String(), on
}

// An answer of 200 to a statement that was not carried out is no success: an import would be
// taken for visible, or its rows for gone.
func TestAcknowledgedIsNotDone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	through, on := portal(t, b.dsn, "INSERT INTO import_visibility", "ALTER TABLE")
	w := open(t, warehouse.Config{DSN: through})
	rows := schema.NewBatch(schema.Visitors)
	rows.EndRow()
	require.NoError(t, b.InsertRows(b.ctx, key(0), rows))

	on.Store(true)
	const noEffect = "the statement was acknowledged without an error, but had no effect"
	require.ErrorContains(t, w.Show(b.ctx, 1, 2, 0), "set visibility of import 2: "+noEffect)
	require.ErrorContains(t, w.Hide(b.ctx, 1, 2, 0), noEffect)
	require.ErrorContains(t, w.PurgeRows(b.ctx, schema.Visitors, 1, 2), "purge imported_visitors: "+noEffect)
	on.Store(false)
	require.NoError(t, w.Show(b.ctx, 1, 2, 0))
	require.EqualValues(t, 1, b.number(t, "SELECT count() FROM visible_imported_visitors"))
	require.NoError(t, w.Hide(b.ctx, 1, 2, 0))
	require.NoError(t, w.Show(b.ctx, 1, 2, 0), "a late one, which counts no more")
	require.Zero(t, b.number(t, "SELECT count() FROM visible_imported_visitors"))
	require.NoError(t, w.PurgeRows(b.ctx, schema.Visitors, 1, 2))
	require.Zero(t, b.number(t, "SELECT count() FROM imported_visitors"))
}
