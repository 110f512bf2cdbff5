package api

import (
	"context"
	"time"

	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

type listSyncRunsInput struct {
	SyncPath
	Page
	Status string `query:"status" enum:"running,succeeded,failed,cancelled" doc:"Only runs in this status."`
	Kind   string `query:"kind" enum:"full,update,find" doc:"Only runs of this kind: full loads, updates, or searches of a page for records that were rejected later."`
}

func (a *API) listSyncRuns(ctx context.Context, in *listSyncRunsInput) (*List[syncclient.SyncRun], error) {
	filter := syncstore.RunFilter{Status: in.Status, Kind: in.Kind}
	read := func(before int64, limit int) ([]syncclient.SyncRun, error) {
		return a.syncClient().History(ctx, in.Sync, filter, before, limit)
	}
	return paged(ctx, in.Page, read, func(r syncclient.SyncRun) int64 { return r.ID })
}

type listSyncRejectsInput struct {
	SyncPath
	Page
	Stage string `query:"stage" enum:"read,map,write" doc:"Only records that this step has rejected."`
	State string `query:"state" enum:"rejected,retry_requested" doc:"Only records in this state: retry_requested are those that the next run reads and writes again."`
	Text  string `query:"text" maxLength:"100" doc:"Only records with this text in their reason."`
}

func (a *API) listSyncRejects(
	ctx context.Context, in *listSyncRejectsInput,
) (*List[syncclient.RejectedRecord], error) {
	filter := syncclient.RejectFilter{Stage: in.Stage, State: in.State, Text: in.Text}
	read := func(after int64, limit int) ([]syncclient.RejectedRecord, error) {
		return a.syncClient().Rejects(ctx, in.Sync, filter, after, limit)
	}
	return paged(ctx, in.Page, read, func(r syncclient.RejectedRecord) int64 { return r.ID })
}

type listSyncHeldInput struct {
	SyncPath
	Page
	HeldAfter  time.Time `query:"held_after" doc:"Only records that were first held then or later."`
	HeldBefore time.Time `query:"held_before" doc:"Only records that were first held earlier."`
}

func (a *API) listSyncHeld(ctx context.Context, in *listSyncHeldInput) (*List[syncclient.HeldRecord], error) {
	filter := syncstore.HeldFilter{After: in.HeldAfter, Before: in.HeldBefore}
	read := func(after int64, limit int) ([]syncclient.HeldRecord, error) {
		return a.syncClient().Held(ctx, in.Sync, filter, after, limit)
	}
	return paged(ctx, in.Page, read, func(h syncclient.HeldRecord) int64 { return h.ID })
}
