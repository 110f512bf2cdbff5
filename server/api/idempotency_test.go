package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
)

// exec runs a statement on the store.
func (b *bundle) exec(t *testing.T, statement string) {
	t.Helper()
	conn, err := pgx.Connect(enginetest.Context(t), b.Settings.Store.DSN)
	require.NoError(t, err)
	_, err = conn.Exec(enginetest.Context(t), statement)
	require.NoError(t, err)
	require.NoError(t, conn.Close(enginetest.Context(t)))
}

// A repeated request returns the first answer, from any server; another request under the key is refused.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, second := b.serve(t)
	path, body := "/sites/"+own+"/imports", `{"source":"noop","check_timeout_seconds":0}`
	first := b.do(t, "operator-own", http.MethodPost, path, body, "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, first.status, string(first.body))
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	for _, url := range []string{b.url, second} {
		again := b.doAt(t, url, "operator-own", http.MethodPost, path, body, "Idempotency-Key", "k")
		require.Equal(t, first.status, again.status)
		require.Equal(t, string(first.body), string(again.body))
		require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	}
	require.Len(t, readPages[importview.Import](t, b, "/imports"), 1)

	b.do(t, "operator-own", http.MethodPost, path, `{"source":"noop","label":"other","check_timeout_seconds":0}`, "Idempotency-Key", "k").
		problem(t, "idempotency-mismatch")
	b.do(t, "operator-own", http.MethodPost, "/imports/1/pause", body, "Idempotency-Key", "k").problem(t, "idempotency-mismatch")
	b.do(t, "operator-own", http.MethodPost, path, body, "Idempotency-Key", strings.Repeat("k", 201)).problem(t, "invalid")

	other := b.do(t, "operator-all", http.MethodPost, path, body, "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, other.status, "the key of another principal is another key")
	require.NotEqual(t, first.header.Get("Location"), other.header.Get("Location"))

	b.exec(t, "UPDATE api_answers SET expires_at = now() - interval '1 second'")
	require.NoError(t, api.Sweep(b.api, t.Context()))
	last := b.do(t, "operator-own", http.MethodPost, path, body, "Idempotency-Key", "k")
	require.Empty(t, last.header.Get("Idempotency-Replayed"))
	require.Equal(t, first.header.Get("Location"), last.header.Get("Location"), "an import keeps its key")
}

// Of requests at the same time one is executed: the others get its answer, or a request to wait.
func TestIdempotencyAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, second := b.serve(t)
	var requests sync.WaitGroup
	answers := make([]answer, 20)
	for i := range answers {
		requests.Go(func() {
			answers[i] = b.doAt(t, []string{b.url, second}[i%2], "operator-own", http.MethodPost, "/sites/"+own+"/imports",
				`{"source":"noop","check_timeout_seconds":0}`, "Idempotency-Key", "k")
		})
	}
	requests.Wait()
	executed := 0
	for _, a := range answers {
		switch {
		case a.status == http.StatusConflict:
			a.problem(t, "idempotency-busy")
			require.Equal(t, "1", a.header.Get("Retry-After"))
		case a.header.Get("Idempotency-Replayed") == "":
			executed++
			fallthrough
		default:
			require.Equal(t, http.StatusCreated, a.status, string(a.body))
		}
	}
	require.Equal(t, 1, executed)
	require.Len(t, readPages[importview.Import](t, b, "/imports"), 1)
}

// A request whose server has died is executed again once its lease has expired; a failed one at once.
func TestIdempotencyAfterFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Starter.AnswerTimeout = 1
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", `{"source":"noop","check_timeout_seconds":0}`, nil)
	for range 2 {
		failed := b.do(t, "operator-own", http.MethodPost, "/imports/1/pause", nil, "Idempotency-Key", "pause")
		failed.problem(t, "no-worker")
		require.Empty(t, failed.header.Get("Idempotency-Replayed"))
	}
	path, body := "/sites/"+own+"/imports", `{"source":"noop","label":"died","check_timeout_seconds":0}`
	first := b.do(t, "operator-own", http.MethodPost, path, body, "Idempotency-Key", "died")
	require.Equal(t, http.StatusCreated, first.status)
	b.exec(t, "UPDATE api_answers SET status = NULL, body = NULL WHERE key = 'died'")
	b.do(t, "operator-own", http.MethodPost, path, body, "Idempotency-Key", "died").problem(t, "idempotency-busy")
	b.exec(t, "UPDATE api_answers SET lease_until = now() - interval '1 second' WHERE key = 'died'")
	again := b.do(t, "operator-own", http.MethodPost, path, body, "Idempotency-Key", "died")
	require.Equal(t, fmt.Sprint(first.header["Location"]), fmt.Sprint(again.header["Location"]), "the import has a key of its own")
}
