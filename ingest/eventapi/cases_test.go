package eventapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

// post sends a case to the endpoint and returns the outcome as the sender and the buffer
// see it.
func post(t *testing.T, c ingesttest.Case, data *refdata.Data) ingesttest.Outcome {
	t.Helper()
	buffer := &ingesttest.Buffer{}
	pipeline, err := ingest.New(ingesttest.Config(c.Sites(t), data, buffer))
	require.NoError(t, err)
	handler, err := eventapi.New(eventapi.Config{Pipeline: pipeline, Proxies: ingesttest.TrustAll(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/event", bytes.NewReader(c.RequestBody(t)))
	r.Header, r.RemoteAddr = c.RequestHeader(), c.Peer()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	if w.Code == http.StatusBadRequest {
		var answer struct {
			Errors request.Errors `json:"errors"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		require.Empty(t, buffer.Events())
		return ingesttest.Outcome{Errors: answer.Errors}
	}
	require.Equal(t, []any{http.StatusAccepted, "ok"}, []any{w.Code, w.Body.String()})
	outcome := ingesttest.Outcome{Buffered: buffer.Events()}
	if list := w.Header().Get(eventapi.HeaderDropped); list != "" {
		for _, part := range bytes.Split([]byte(list), []byte(",")) {
			domain, reason, _ := bytes.Cut(part, []byte("="))
			outcome.Dropped = append(outcome.Dropped, ingest.Event{Domain: string(domain), DropReason: ingest.DropReason(reason)})
		}
		require.Equal(t, strconv.Itoa(len(outcome.Dropped)), w.Header().Get(eventapi.HeaderDroppedCount))
	} else {
		require.Empty(t, w.Header().Get(eventapi.HeaderDroppedCount))
	}
	return outcome
}

func runCases(t *testing.T, cases []ingesttest.Case) {
	t.Helper()
	data := ingesttest.Data(t, filepath.Join("..", ".."), nil)
	for _, c := range cases {
		// The pipeline's test says why these two differ.
		if c.ID == "lock_timeout" || c.ID == "engagement_without_session" {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			c.Check(t, post(t, c, data))
		})
	}
	t.Logf("%d cases", len(cases))
}

func TestCases(t *testing.T) {
	t.Parallel()
	runCases(t, ingesttest.Load(t, filepath.Join("..", "testdata", "cases.json")))
}

func TestCasesOfOthers(t *testing.T) {
	t.Parallel()
	if folder := ingesttest.FolderOfOthers(t, filepath.Join("..", "..")); folder != "" {
		runCases(t, ingesttest.Load(t, filepath.Join(folder, "ingestion_cases.json")))
	}
}
