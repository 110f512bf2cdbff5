package starter_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// Whatever is wrong with a request is said before anything exists.
func TestStartImportRefuses(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for name, tc := range map[string]struct {
		request starter.Request
		is      error
		want    string
	}{
		"unknown site": {
			starter.Request{Site: "missing.example", Source: "noop"},
			store.ErrNotFound,
			"site missing.example: not found: add it with `sluice site add missing.example`",
		},
		"unknown importer": {
			starter.Request{Site: site, Source: "nope"}, nil, `unknown importer "nope" (want csv, noop)`,
		},
		"bad arguments": {
			request(`{"rowz": 1}`), nil,
			`arguments of noop: unknown argument "rowz": the arguments are rows, parts, bad_rows, start_date, end_date, fail, ` +
				`panic, fail_times, permanent, wait, unchanged, fingerprint, data, locks, delay`,
		},
		"no arguments": {
			starter.Request{Site: site, Source: "csv"}, nil, `arguments of csv: argument "paths": want at least one path`,
		},
		"long key": {
			starter.Request{Site: site, Source: "noop", IdempotencyKey: strings.Repeat("k", 201)},
			nil,
			"the idempotency key has 201 bytes: at most 200 are allowed",
		},
		"long label": {
			starter.Request{Site: site, Source: "noop", Label: strings.Repeat("l", 201)},
			starter.ErrInvalid,
			"the label has 201 bytes: at most 200 are allowed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Starter.StartImport(enginetest.Context(t), tc.request)
			require.EqualError(t, err, tc.want)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
		})
	}
	t.Cleanup(func() {
		all, err := s.Store.Imports.Summaries(context.Background(), importstore.Listing{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, all)
	})
}

// What the request does not say comes from the defaults, and is written down.
func TestStartImportSettings(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	first, err := s.Starter.StartImport(ctx, request(`{"rows": 3}`))
	require.NoError(t, err)
	require.Equal(t, "No operation", first.Label)
	require.Equal(t, importstore.StatusQueued, first.Status)
	require.Equal(t, workflows.ImportID(site, first.ID), first.WorkflowID)
	require.NotEmpty(t, first.RunID)
	defaults := config.Default().Import
	require.EqualValues(t, defaults.ChunkRows, first.ChunkRows)
	require.EqualValues(t, defaults.Parallelism, first.Parallelism)
	require.Equal(t, defaults.OnPartFailure, first.OnPartFailure)
	var args map[string]any
	require.NoError(t, json.Unmarshal(first.Args, &args))
	require.InDelta(t, 1, args["parts"], 0, "arguments are stored with their defaults")

	s.AddSite(t, "other.example")
	own := request(`{"rows": 3}`)
	own.Site, own.Label = "other.example", "History"
	own.Settings = &config.Import{ChunkRows: 7, ChunkBytes: 9, Parallelism: 3, MaxRejects: 5, MaxRejectShare: 0.5, MaxRejectCeiling: 0.7, OnPartFailure: "fail"}
	second, err := s.Starter.StartImport(ctx, own)
	require.NoError(t, err)
	require.Equal(t, "History", second.Label)
	require.Equal(t, []int32{7, 9, 3}, []int32{second.ChunkRows, second.ChunkBytes, second.Parallelism})
	require.EqualValues(t, 5, second.MaxRejects)
	require.InDelta(t, 0.5, second.MaxRejectShare, 0)
	require.InDelta(t, 0.7, second.MaxRejectCeiling, 0)
	require.Equal(t, "fail", second.OnPartFailure)
}

// Under a key that was used before there is no second import, whatever has become of the
// first; another site's keys are its own.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	r := request(`{"rows": 3}`)
	r.IdempotencyKey = "january"
	first := s.Start(t, r)
	second := s.Start(t, r)
	require.Equal(t, []any{first.ID, first.RunID}, []any{second.ID, second.RunID})

	s.AddSite(t, "other.example")
	r.Site = "other.example"
	require.NotEqual(t, first.ID, s.Start(t, r).ID)
	r.Site = site

	s.StartWorker(t)
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, first.ID).Import.Status)
	again := s.Start(t, r)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, importstore.StatusCompleted, again.Status)
	require.NoError(t, s.Starter.Delete(ctx, first.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, first.ID))
	require.NotEqual(t, first.ID, s.Start(t, r).ID, "what is gone may be imported again")
}

// Where Temporal is away, the import stays queued, says so, and is started by a worker.
func TestStartImportWithoutTemporal(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx, cancel := context.WithTimeout(enginetest.Context(t), time.Second)
	defer cancel()
	_, err := withoutTemporal(t, s).StartImport(ctx, request(`{"rows": 3}`))
	require.ErrorContains(t, err, "start the workflow of import 1 (it stays queued, and a worker will start it): ")
	imp, err := s.Store.Imports.Import(enginetest.Context(t), 1)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusQueued, imp.Status)
	s.Tune = func(cfg *worker.Config) {
		cfg.ReconcileInterval, cfg.AbandonedAfter = 50*time.Millisecond, time.Millisecond
	}
	s.StartWorker(t)
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, 1).Import.Status)
}

// A command starts the workflow of an import that has none yet.
func TestCommandStartsWorkflow(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	imp, err := s.Starter.CreateImport(ctx, request(`{"rows": 3}`))
	require.NoError(t, err)
	s.Tune = func(cfg *worker.Config) { cfg.AbandonedAfter = time.Hour }
	s.StartWorker(t)
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, starter.By{Who: "ann"}))
	require.Equal(t, importstore.StatusCancelled, s.Wait(t, imp.ID).Import.Status)
}
