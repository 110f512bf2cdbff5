// Package dispatch has the activities that turn an import's end and its rows into events. It is the
// bridge between importing and delivery.
package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// MaxPageRows is how many rows one activity dispatches at most.
const MaxPageRows = 2000

// ImportEvent is something that an import has to say.
type ImportEvent struct {
	// Event has no ID yet.
	Event destinations.Event
	// Key names the occasion: the same is stored once.
	Key string
}

// AddedImportEvent is what has become of an ImportEvent.
type AddedImportEvent struct {
	// Jobs is how many jobs it has, made now or when it was added before.
	Jobs int
	// Unfit says why flows, or the actions that they name, can make no sense of it; then
	// nothing is stored, and no retry changes that. It can quote what the event holds.
	Unfit error
}

// Dispatcher dispatches the ends of imports, and their rows, to destinations.
type Dispatcher struct {
	// Store is the system of record. Required.
	Store *importstore.Store
	// Warehouse has the rows. Required.
	Warehouse *warehouse.Warehouse
	// Add makes the jobs of events by the flows in force, stores what has some, and tells
	// their actions. It answers for each event in turn. Repeated for the same keys it makes
	// nothing twice. Required.
	Add func(ctx context.Context, events []ImportEvent) ([]AddedImportEvent, error)
}

// Counts is what was dispatched.
type Counts struct {
	// Rows is how many rows were read, Jobs how many jobs there are of them and of the end.
	Rows int64 `json:"rows,omitempty"`
	Jobs int64 `json:"jobs,omitempty"`
	// Unfit is how many rows and ends no jobs could be made of, although flows are for
	// them, Told how many of those stand in the import's log.
	Unfit int64 `json:"unfit,omitempty"`
	Told  int   `json:"told,omitempty"`
	// Missing is how many rows the warehouse does not have that were loaded.
	Missing int64 `json:"missing,omitempty"`
}

// Add adds up.
func (h *Counts) Add(more Counts) {
	h.Rows += more.Rows
	h.Jobs += more.Jobs
	h.Unfit += more.Unfit
	h.Told += more.Told
	h.Missing += more.Missing
}

// DispatchEnd dispatches how an import has ended.
func (h *Dispatcher) DispatchEnd(ctx context.Context, end importing.Outcome) (Counts, error) {
	counts, err := h.dispatchEnd(ctx, end)
	return counts, activities.Failure(err)
}

func (h *Dispatcher) dispatchEnd(ctx context.Context, end importing.Outcome) (Counts, error) {
	summary, err := h.Store.Summary(ctx, end.ImportID)
	if errors.Is(err, store.ErrNotFound) {
		// A deleted import has no end to dispatch.
		return Counts{}, nil
	}
	if err != nil {
		return Counts{}, err
	}
	imp := summary.Import
	event, err := flow.ImportEnd{
		ImportID: end.ImportID, Site: end.Site, Importer: end.Importer, Label: imp.Label, Status: end.Status,
		Reason: end.Reason, ErrorClass: end.Class, Days: daysOf(imp),
		RowsRead: end.RowsRead, RowsLoaded: end.RowsLoaded,
		RowsRejected: end.RowsRejected, RowsOutOfRange: end.RowsOutOfRange, RowsLeftOut: end.RowsLeftOut,
		StartedBy: imp.RequestedBy, Schedule: imp.Schedule, Generation: end.Generation,
		CreatedAt: imp.CreatedAt.UTC(), StartedAt: utc(imp.StartedAt), FinishedAt: end.FinishedAt,
	}.Event()
	if err != nil {
		return Counts{}, err
	}
	key := fmt.Sprintf("import/%d/%d/end", end.ImportID, end.Generation)
	added, err := h.Add(ctx, []ImportEvent{{Event: event, Key: key}})
	if err != nil {
		return Counts{}, err
	}
	counts := Counts{Jobs: int64(added[0].Jobs)}
	if added[0].Unfit != nil {
		counts.Unfit, counts.Told = 1, 1
		err = h.tell(ctx, end, "end", "How it has ended", added[0].Unfit)
	}
	return counts, err
}

// tell writes to the import's log that something could not be dispatched. The occasion
// is the thing itself, so that it is said once.
func (h *Dispatcher) tell(ctx context.Context, end importing.Outcome, occasion, what string, unfit error) error {
	occasion = fmt.Sprintf("dispatch/%d/%s", end.Generation, occasion)
	message := fmt.Sprintf("%s could not be dispatched: %s.", what, inbound.Cut(unfit.Error(), maxUnfit))
	err := h.Store.AddFeedback(ctx, end.ImportID, importstore.LevelWarn, occasion, message)
	if errors.Is(err, store.ErrNotFound) {
		// It is gone, and its log with it.
		return nil
	}
	return err
}

// maxUnfit bounds what is said about one row, in bytes of JSON.
const maxUnfit = 300
