package pages_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/sync"
)

// plantSync adds a paused sync between fakes that has run once, and returns its path. The reason of the pause, a label
// of a late error and the error of the run are the text; keys of rejected and held records, which are short, are those
// of its pieces.
func (s *suite) plantSync(t *testing.T, name, text string, pieces ...string) string {
	t.Helper()
	mailchimp, at := fakemailchimp.New(fakemailchimp.Config{}), time.Now().Add(-time.Hour)
	mailchimp.Put(fakemailchimp.Member{Email: "ann@example.com", LastChanged: at, OptedIn: at})
	from, to := httptest.NewServer(mailchimp), httptest.NewServer(fakeometria.New(fakeometria.Config{Queue: -1}))
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	for _, side := range []struct{ kind, endpoint, key string }{
		{"mailchimp", from.URL + "/3.0", fakemailchimp.Key}, {"ometria", to.URL + "/v2", fakeometria.Key},
	} {
		post[any](t, s, "/connections", map[string]any{
			"name": name + "-" + side.kind, "kind": side.kind, "settings": map[string]string{"endpoint": side.endpoint},
			"secrets": map[string]string{"api_key": side.key},
		})
	}
	post[any](t, s, "/syncs", map[string]any{
		"name": name, "from": map[string]string{"kind": "mailchimp", "connection": name + "-mailchimp"},
		"list_id": fakemailchimp.List, "to": map[string]string{"kind": "ometria", "connection": name + "-ometria"},
	})
	path, run := "/syncs/"+name, int64(0)
	polltest.Until(t, func(c *polltest.Check) {
		shown := get[struct {
			State string
			Run   struct{ ID int64 }
		}](c, s, path)
		require.Equal(c, "current", shown.State)
		run = shown.Run.ID
	}, wait, poll)
	post[any](t, s, path+"/pause", map[string]string{"reason": text})

	ctx, cancel := s.Context()
	defer cancel()
	database, err := pgx.Connect(ctx, os.Getenv("SLUICE_STORE_DSN"))
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close(ctx)) }()
	exec := func(statement string, args ...any) {
		_, err := database.Exec(ctx, statement, args...)
		require.NoError(t, err, statement)
	}
	exec("UPDATE sync_runs SET error = $2, audit_error = $2 WHERE id = $1", run, text)
	for _, piece := range pieces {
		exec("INSERT INTO sync_rejects (sync, key, unidentified, stage, reason) VALUES ($1, $2, true, 'map', $2)", name, piece)
		exec("INSERT INTO sync_held (sync, key) VALUES ($1, $2)", name, piece)
	}
	reasons, err := json.Marshal([]sync.ErrorCount{{LateError: sync.LateError{Message: text, Path: "root"}, Count: 2}})
	require.NoError(t, err)
	exec(`WITH late AS (INSERT INTO sync_late_errors (account, since, until, errors, exact, reasons)
			VALUES ($1, now() - interval '1 hour', now(), 2, true, $2) RETURNING id)
		INSERT INTO sync_late_error_pages (error_id, run_id, first_page, last_page) SELECT id, $3, 1, 1 FROM late`,
		name, reasons, run)
	return path
}
