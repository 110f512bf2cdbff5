package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"

// try sends an event to try-event.
func (b *bundle) try(t *testing.T, as string, event map[string]any) (tried ingestclient.TriedRequest) {
	t.Helper()
	b.ok(t, as, http.MethodPost, "/ingestion/try", event, &tried)
	return tried
}

// An event passes the steps of the pipeline, and nothing is written.
func TestTryEvent(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *api.Config) { c.Pipeline.Bots = ingest.ModeTag })
	b.ok(t, "admin-all", http.MethodPatch, "/sites/"+own+"/shields", map[string]any{
		"add": map[string]any{"pages": []string{"/secret/*"}},
	}, nil)
	state := func() (rows [3]int64) {
		const query = `SELECT (SELECT count(*) FROM ingest_secrets), (SELECT count(*) FROM ingest_rates),
			(SELECT version FROM ingest_sites_version)`
		sql := enginetest.ConnectStore(t, b.Settings.Store.DSN)
		require.NoError(t, sql.QueryRow(t.Context(), query).Scan(&rows[0], &rows[1], &rows[2]))
		return rows
	}
	before := state()
	page := map[string]any{
		"site": own, "url": "https://" + own + "/pricing?utm_source=news", "user_agent": firefox, "ip": "192.0.2.9",
		"props": map[string]string{"plan": "team"}, "revenue": map[string]string{"amount": "10.50", "currency": "EUR"},
		"name": "Purchase", "referrer": "https://www.google.com/",
	}
	tried := b.try(t, "viewer-all", page)
	require.Equal(t, []any{http.StatusAccepted, "192.0.2.9"}, []any{tried.Status, tried.Address})
	require.NotEmpty(t, tried.Missing, "there are no files")
	require.Len(t, tried.Events, 1)
	event := tried.Events[0]
	require.Equal(t, []string{ingestclient.VerdictStored, own}, []string{event.Verdict, event.Site})
	require.Len(t, event.Steps, 20)
	for column, want := range map[string]string{
		"pathname": `"/pricing"`, "browser": `"Firefox"`, "name": `"Purchase"`, "utm_source": `"news"`,
		"meta": `{"plan":"team"}`, "revenue_source_amount": "null",
	} {
		require.JSONEq(t, want, string(event.Event[column]), column)
	}
	notes := map[string]string{}
	for _, s := range event.Steps {
		notes[s.Step] = s.Note
	}
	require.Contains(t, notes["put_revenue"], `no goal "Purchase"`)

	page["url"] = "https://" + own + "/secret/plan"
	dropped := b.try(t, "viewer-own", page).Events[0]
	require.Equal(t, []any{ingestclient.VerdictDropped, ingest.DropSitePageBlocklist}, []any{dropped.Verdict, dropped.Reason})
	last := dropped.Steps[len(dropped.Steps)-1]
	require.Equal(t, []string{"drop_shield_rule_page", ingestclient.StepDropped}, []string{last.Step, last.Result})
	require.Empty(t, dropped.Event)

	bot := b.try(t, "viewer-own", map[string]any{"site": own, "url": "https://" + own, "user_agent": "Googlebot/2.1"}).Events[0]
	require.Equal(t, []ingest.DropReason{ingest.DropBot}, bot.Tags)
	require.Equal(t, before, state())
}

// A site that the caller does not see is none, and what is wrong is said.
func TestTryEventOfOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	both := map[string]any{"site": own + "," + foreign + ",none.example", "url": "https://" + own}
	verdicts := func(as string) (all []string) {
		for _, e := range b.try(t, as, both).Events {
			all = append(all, e.Verdict+string(e.Reason))
		}
		return all
	}
	require.Equal(t, []string{"stored", "stored", "droppednot_found"}, verdicts("viewer-all"))
	require.Equal(t, []string{"stored", "droppednot_found", "droppednot_found"}, verdicts("viewer-own"))
	require.Equal(t, []string{"droppednot_found", "droppednot_found", "droppednot_found"}, verdicts("viewer-none"))

	refused := b.try(t, "viewer-own", map[string]any{"site": own, "url": "data:text/html,x", "timestamp": "yesterday"})
	require.Equal(t, http.StatusBadRequest, refused.Status)
	require.Equal(t, []string{"timestamp", "url"}, refused.Errors.Fields())
	require.Empty(t, refused.Events)
	p := b.do(t, "viewer-own", http.MethodPost, "/ingestion/try", map[string]any{
		"site": own, "url": "https://" + own, "ip": "here",
	}).problem(t, "invalid")
	require.Equal(t, "#/ip", p.Errors[0].Pointer)
}

// Without reference data a server asks to wait.
func TestTryEventAtStart(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *api.Config) { c.Refdata = func() *refdata.Store { return nil } })
	b.do(t, "viewer-own", http.MethodPost, "/ingestion/try", map[string]any{
		"site": own, "url": "https://" + own,
	}).problem(t, "unavailable")
}
