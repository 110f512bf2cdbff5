package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/googleanalytics4"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// hurried is an importer whose reading is tried again at once.
type hurried struct{ importers.Importer }

func (h hurried) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	r, err := h.Importer.ImportData(ctx, imp, part, from)
	return hurriedReader{r}, err
}

type hurriedReader struct{ importers.Reader }

func (r hurriedReader) Next(ctx context.Context, chunk *importers.Chunk) error {
	err := r.Reader.Next(ctx, chunk)
	if err != nil && strings.Contains(err.Error(), "announces") {
		return importers.RetryAfter(time.Millisecond, err)
	}
	return err
}

// Confirmed asks the reader.
func (r hurriedReader) Confirmed() calendar.Set {
	if c, ok := r.Reader.(importers.Confirmer); ok {
		return c.Confirmed()
	}
	return nil
}

// withholding takes the rows out of answers about pages, but not the number that they
// announce, as long as there are answers left to spoil.
type withholding struct {
	base http.RoundTripper
	left *atomic.Int32
}

func (w withholding) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err := w.base.RoundTrip(r)
	if err != nil || !bytes.Contains(body, []byte(`"pagePath"`)) || w.left.Add(-1) < 0 {
		return res, err
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	delete(answer, "rows")
	if raw, err = json.Marshal(answer); err != nil {
		return nil, err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return res, nil
}

// analytics is a system that imports from a fake of Google, which withholds rows so often.
func analytics(t *testing.T, withheld int32) (*system, importstore.Import) {
	t.Helper()
	left := &atomic.Int32{}
	left.Store(withheld)
	g := googleanalytics4.New(googleanalytics4.Config{
		Guard: outbound.Loopback(), Transport: withholding{base: http.DefaultTransport, left: left},
	})
	s := setup(t, hurried{g})
	fake := fakega4test.Start(t, fakega4.Config{Days: 3, RowsPerDay: 3})
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections = config.Connections{Keyset: string(text), Addresses: "google_analytics_4=loopback"}
	registry := connections.NewRegistry(googleanalytics4.ConnectionKind(outbound.Loopback()))
	known := &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: registry,
	}
	_, err = known.Add(enginetest.Context(t), fake.Connection(t, "ga").New())
	require.NoError(t, err)
	s.Tune = func(cfg *worker.Config) { cfg.Connections = registry }
	s.StartWorker(t)
	args, err := json.Marshal(googleanalytics4.Args{Connection: "ga", Property: fake.Property()})
	require.NoError(t, err)
	imp := s.Start(t, starter.Request{Site: site, Source: googleanalytics4.Name, Args: args})
	return s, imp
}

// A report that announces rows and sends none is requested again: if the rows arrive, they are
// loaded, and every day that Google has answered for is claimed.
func TestShortAnswerIsRetried(t *testing.T) {
	t.Parallel()
	s, imp := analytics(t, 3)
	last := s.end(imp, importstore.StatusCompleted)
	require.Positive(t, last.RowsLoaded)
	claims, err := s.Store.Imports.Claims(enginetest.Context(t), last.Import.SiteID, 0)
	require.NoError(t, err)
	require.Equal(t, 3, importstore.TakenDays(claims, "imported_pages").Days())
	require.Equal(t, 3, last.Import.Days.Days())
}

// If they do not come, the part is parked and says so; nothing of it counts as imported.
func TestShortAnswerParks(t *testing.T) {
	t.Parallel()
	s, imp := analytics(t, 1<<30)
	s.WaitParked(t, imp.ID)
	parts, err := s.Store.Imports.ListParts(enginetest.Context(t), imp.ID)
	require.NoError(t, err)
	parked := 0
	for _, p := range parts {
		if p.Status != importstore.PartParked {
			continue
		}
		parked++
		require.Equal(t, "imported_pages", p.TableName)
		require.Contains(t, p.Error, "google announces 9 rows and sends none from row 1 on")
		require.Zero(t, p.RowsRead)
		require.Empty(t, p.ClaimedDays)
		require.NoError(t, s.Starter.SkipPart(enginetest.Context(t), imp.ID, p.No, starter.By{Who: "ann", Why: "withheld"}))
	}
	require.Positive(t, parked)
	last := s.end(imp, importstore.StatusCompleted)
	claims, err := s.Store.Imports.Claims(enginetest.Context(t), last.Import.SiteID, 0)
	require.NoError(t, err)
	require.Empty(t, importstore.TakenDays(claims, "imported_pages"), "a part that was skipped takes no day")
	require.Positive(t, importstore.TakenDays(claims, "imported_visitors").Days())
}
