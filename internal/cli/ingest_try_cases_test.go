package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// verdict is what became of a request: its errors, or its dropped events and the columns of the stored ones.
type verdict struct {
	Errors  map[string][]string
	Dropped []string
	Stored  []map[string]any
}

// store adds the columns of a stored event, without what differs between two runs and two stores.
func (v *verdict) store(columns map[string]any) {
	for _, name := range []string{"timestamp", "day", "site_id"} {
		delete(columns, name)
	}
	v.Stored = append(v.Stored, columns)
}

// posted returns the verdict of POST /api/event.
func posted(t *testing.T, c ingesttest.Case, sites ingest.Sites, data *refdata.Data) verdict {
	t.Helper()
	buffer := &ingesttest.Buffer{}
	pipeline, err := ingest.New(ingesttest.Config(sites, data, buffer))
	require.NoError(t, err)
	handler, err := eventapi.New(eventapi.Config{
		Pipeline: pipeline, Proxies: ingesttest.TrustAll(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/event", bytes.NewReader(c.RequestBody(t)))
	r.Header, r.RemoteAddr = c.RequestHeader(), c.Peer()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	var v verdict
	if w.Code == http.StatusBadRequest {
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
		return v
	}
	require.Equal(t, http.StatusAccepted, w.Code)
	if list := w.Header().Get(eventapi.HeaderDropped); list != "" {
		v.Dropped = strings.Split(list, ",")
	}
	for _, e := range buffer.Events() {
		columns := map[string]any{}
		for _, column := range e.Columns() {
			encoded, err := json.Marshal(column)
			require.NoError(t, err)
			var value any
			require.NoError(t, json.Unmarshal(encoded, &value))
			columns[column.Name] = value
		}
		v.store(columns)
	}
	return v
}

// tried returns the verdict of `sluice ingest try` on the same request.
func (s shell) tried(t *testing.T, c ingesttest.Case) verdict {
	t.Helper()
	host, _, err := net.SplitHostPort(c.Peer())
	require.NoError(t, err)
	args := []string{"ingest", "try", "--output", "json", "--body", "-", "--ip", host}
	for name, values := range c.RequestHeader() {
		args = append(args, "--header", name+": "+values[0])
	}
	s.stdin = string(c.RequestBody(t))
	r := s.run(t, args...)
	var view struct {
		Status int
		Errors map[string][]string
		Events []struct {
			Domain, Verdict, Reason string
			Event                   map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &view), "%s", r.err)
	require.Equal(t, view.Status == http.StatusBadRequest, r.code == exitUsage, r.err)
	v := verdict{Errors: view.Errors}
	for _, e := range view.Events {
		if e.Verdict == ingestclient.VerdictDropped {
			v.Dropped = append(v.Dropped, url.QueryEscape(e.Domain)+"="+e.Reason)
			continue
		}
		v.store(e.Event)
	}
	return v
}

// For every case the verdict is that of the endpoint, with the sites of the case in the store.
func TestIngestTryCases(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	s, opened := trying(t)
	s.environ = append(s.environ, "SLUICE_SERVER_TRUSTED_PROXIES=0.0.0.0/0,::/0",
		"SLUICE_INGEST_VERIFICATION_AGENT="+ingesttest.VerificationAgent)
	cases := ingesttest.Load(t, filepath.Join(root, "ingest", "testdata", "cases.json"))
	if folder := ingesttest.FolderOfOthers(t, root); folder != "" {
		cases = append(cases, ingesttest.Load(t, filepath.Join(folder, "ingestion_cases.json"))...)
	}
	data := ingesttest.Data(t, root, nil)
	known := map[string]bool{"example.com": true}
	kinds := map[string]int{}
	for _, c := range cases {
		if c.ID == "lock_timeout" {
			continue // sessions have no locks
		}
		sites := c.Sites(t)
		for domain, site := range sites {
			if !known[domain] {
				s.ok(t, "site", "add", domain)
				known[domain] = true
			}
			_, err := opened.ChangeSite(t.Context(), domain, func(row *ingeststore.Site) error {
				row.Settings = settingsFor(site)
				return nil
			})
			require.NoError(t, err, c.ID)
		}
		want := posted(t, c, sites, data)
		require.Equal(t, want, s.tried(t, c), c.ID)
		kinds["refused"] += min(len(want.Errors), 1)
		kinds["dropped"] += min(len(want.Dropped), 1)
		kinds["stored"] += min(len(want.Stored), 1)
	}
	t.Logf("%d cases: %v", len(cases), kinds)
	for kind, count := range kinds {
		require.Positive(t, count, kind)
	}
}
