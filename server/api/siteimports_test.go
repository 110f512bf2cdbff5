package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/server/api"
)

// All imports of a site are deleted, unless one is under way; those of other sites stay.
func TestForgetSiteImports(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	forget := "/sites/" + own + "/forget-imports"
	path := func(id int64) string { return fmt.Sprintf("/imports/%d", id) }
	var forgotten api.ForgottenImports
	b.ok(t, "operator-own", http.MethodPost, forget, nil, &forgotten)
	require.Empty(t, forgotten.Imports)

	day := func(n int, args map[string]any) map[string]any {
		args["start_date"], args["end_date"] = fmt.Sprintf("2024-01-%02d", n), fmt.Sprintf("2024-01-%02d", n)
		return args
	}
	first := b.start(t, day(1, map[string]any{"rows": 10}))
	b.Wait(t, first)
	var kept struct{ ID int64 }
	b.ok(t, "operator-all", http.MethodPost, "/sites/"+foreign+"/imports", startBody(map[string]any{"rows": 10}), &kept)
	b.Wait(t, kept.ID)
	parked := b.start(t, day(2, map[string]any{"rows": 10, "fail": "import_data"}))
	b.WaitParked(t, parked)
	refused := b.do(t, "operator-own", http.MethodPost, forget, nil).problem(t, "conflict")
	require.Contains(t, refused.Detail, "1 imports of "+own+" are under way, wait for them or cancel them first")
	b.ok(t, "operator-own", http.MethodPost, path(parked)+"/cancel", nil, nil)
	b.Wait(t, parked)

	b.do(t, "viewer-own", http.MethodPost, forget, nil).problem(t, "forbidden")
	b.do(t, "operator-own", http.MethodPost, "/sites/"+foreign+"/forget-imports", nil).problem(t, "not-found")
	answered := b.do(t, "operator-own", http.MethodPost, forget, nil, "Idempotency-Key", "forget")
	require.Equal(t, http.StatusAccepted, answered.status, string(answered.body))
	answered.decode(t, &forgotten)
	require.Equal(t, []int64{first, parked}, forgotten.Imports)
	for _, id := range forgotten.Imports {
		require.NoError(t, b.Starter.WaitDeleted(t.Context(), id))
		b.do(t, "viewer-own", http.MethodGet, path(id), nil).problem(t, "not-found")
	}
	b.ok(t, "viewer-all", http.MethodGet, path(kept.ID), nil, nil)
	again := b.do(t, "operator-own", http.MethodPost, forget, nil, "Idempotency-Key", "forget")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.JSONEq(t, string(answered.body), string(again.body))
}

// The reference data of the server are shown with what is missing.
func TestShowRefdata(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var list api.RefdataList
	b.ok(t, "viewer-all", http.MethodGet, "/ingestion/refdata", nil, &list)
	require.NotEmpty(t, list.Items)
	require.Equal(t, "bots", list.Items[0].Data)
	require.Equal(t, refdata.StateMissing, list.Items[0].State)
	require.NotEmpty(t, list.Items[0].Cure)
	b.do(t, "viewer-own", http.MethodGet, "/ingestion/refdata", nil).problem(t, "forbidden")

	starting := setup(t, func(c *api.Config) { c.Refdata = func() *refdata.Store { return nil } })
	starting.do(t, "viewer-all", http.MethodGet, "/ingestion/refdata", nil).problem(t, "unavailable")
}
