package activities

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
)

// Handover is an end of an import that flows may want to hear of. It is what publish and
// finish answer, and what goes into the workflow that hands it over.
type Handover struct {
	ImportID int64 `json:"import_id"`
	// Generation tells the end apart from others of the same import, which resets made
	// possible.
	Generation int32  `json:"generation,omitempty"`
	Site       string `json:"site"`
	Importer   string `json:"importer"`
	// Status, Class and Reason are how it has ended.
	Status     string    `json:"status"`
	Class      string    `json:"class,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	FinishedAt time.Time `json:"finished_at"`
	PartResult
	// End says that there are flows for the end, Records that there are some for the rows.
	End     bool `json:"end,omitempty"`
	Records bool `json:"records,omitempty"`
}

// Published is the answer of publish.
type Published struct {
	PartResult
	// Days are the days that were brought in.
	Days string `json:"days,omitempty"`
	// Handover is what is to be handed over, nil if no flow wants anything.
	Handover *Handover `json:"handover,omitempty"`
}

// Finished is the answer of finish.
type Finished struct {
	// Handover is what is to be handed over, nil if no flow wants anything.
	Handover *Handover `json:"handover,omitempty"`
}

// handover says what of an import that has ended is to be handed over. It looks at the
// origins of the flows only: whether they can be compiled is found out by the workflow that
// hands over, so that no flow keeps an import from ending.
func (k Kit) handover(ctx context.Context, id int64) (*Handover, error) {
	flows, err := k.Store.Flows(ctx)
	if err != nil || len(flows) == 0 {
		return nil, err
	}
	summary, err := k.Store.Summary(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		// It is gone already.
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	imp := summary.Import
	if !store.Ended(imp.Status) || imp.FinishedAt == nil {
		// A late attempt: it is being deleted, or run again, which will end anew.
		return nil, nil
	}
	h := &Handover{
		ImportID: id, Generation: imp.Generation, Site: summary.Domain, Importer: imp.Source, Status: imp.Status,
		Class: imp.ErrorClass, Reason: imp.Error, FinishedAt: imp.FinishedAt.UTC(), PartResult: sumsOf(summary),
	}
	for _, stored := range flows {
		var f flow.Flow
		// One that cannot be read here may want anything.
		unknown := json.Unmarshal(stored.Spec, &f) != nil
		h.End = h.End || unknown || f.WantsEnd(h.Importer, h.Status)
		if h.Status == store.StatusCompleted && h.RowsLoaded > 0 {
			h.Records = h.Records || unknown || f.WantsRecords(h.Importer)
		}
	}
	if !h.End && !h.Records {
		return nil, nil
	}
	return h, nil
}

// sumsOf returns what all parts of an import have brought in.
func sumsOf(s store.ImportSummary) PartResult {
	return PartResult{
		RowsRead: s.RowsRead, RowsLoaded: s.RowsLoaded, RowsRejected: s.RowsRejected, RowsOutOfRange: s.RowsOutOfRange,
		RowsLeftOut: s.RowsLeftOut,
	}
}
