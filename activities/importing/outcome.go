package importing

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Outcome is the end of an import, which flows may match. It is what publish and
// finish answer, and what goes into the workflow that hands it over.
type Outcome struct {
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
	// Outcome is to be dispatched, nil if no flow wants anything of the import.
	Outcome *Outcome `json:"dispatch,omitempty"`
}

// Finished is the answer of finish.
type Finished struct {
	// Outcome is to be dispatched, nil if no flow wants anything of the import.
	Outcome *Outcome `json:"dispatch,omitempty"`
}

// outcome returns how an import has ended, for its dispatch; nil if no flow wants anything of it.
func (k Kit) outcome(ctx context.Context, id int64) (*Outcome, error) {
	if k.Wants == nil {
		return nil, nil
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
	if !importstore.Ended(imp.Status) || imp.FinishedAt == nil {
		// A late attempt: the import is being deleted, or is run again and will end anew.
		return nil, nil
	}
	o := Outcome{
		ImportID: id, Generation: imp.Generation, Site: summary.Domain, Importer: imp.Source, Status: imp.Status,
		Class: imp.ErrorClass, Reason: imp.Error, FinishedAt: imp.FinishedAt.UTC(), PartResult: sumsOf(summary),
	}
	o.End, o.Records, err = k.Wants(ctx, o)
	if err != nil || !o.End && !o.Records {
		return nil, err
	}
	return &o, nil
}

// sumsOf returns what all parts of an import have brought in.
func sumsOf(s importstore.Summary) PartResult {
	return PartResult{
		RowsRead: s.RowsRead, RowsLoaded: s.RowsLoaded, RowsRejected: s.RowsRejected, RowsOutOfRange: s.RowsOutOfRange,
		RowsLeftOut: s.RowsLeftOut,
	}
}
