package importview

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Listed is an import with its parts.
type Listed struct {
	Import
	Parts []Part `json:"parts"`
}

// Shown is everything about one import.
type Shown struct {
	Listed
	Extra
}

// Extra is what the form of one import has beyond that of many. Fields about a wait are present only during the wait.
type Extra struct {
	WaitingFor      []Blocking      `json:"waiting_for,omitempty" doc:"Up to five imports that block its locks."`
	ReviewExpiresAt *time.Time      `json:"review_expires_at,omitempty" doc:"When an undecided review declines the import."`
	Summary         json.RawMessage `json:"summary,omitempty" doc:"The importer's summary for reviewers, an object."`
	SupersededDays  calendar.Set    `json:"superseded_days,omitempty" doc:"Imported days that native data serve instead."`
}

// Blocking is an import that blocks another one, and the contended resource.
type Blocking struct {
	ImportID int64  `json:"import_id"`
	Resource string `json:"resource"`
}

// Details are what Show has read.
type Details struct {
	Summary importstore.Summary
	Parts   []importstore.Part
	Waits   Waits
	// Data is the importer's summary for reviewers, nil without one.
	Data json.RawMessage
	// Superseded are imported days that native data serve instead.
	Superseded calendar.Set
	// View is the JSON form.
	View Shown
}

// Show reads everything about an import, or returns store.ErrNotFound.
func Show(ctx context.Context, s *importstore.Store, workers store.Workers, id int64) (Details, error) {
	d := Details{}
	var err error
	if d.Summary, err = s.Details(ctx, id); err != nil {
		return Details{}, err
	}
	if d.Parts, err = s.ListParts(ctx, id); err != nil {
		return Details{}, fmt.Errorf("list the parts of import %d: %w", id, err)
	}
	if d.Waits, err = WaitsOf(ctx, s, workers, d.Summary.Import); err != nil {
		return Details{}, err
	}
	d.Data, d.Superseded = d.Summary.Data, SupersededDays(d.Summary)
	d.View = Shown{
		Listed: Listed{Import: New(workers, d.Summary), Parts: Parts(d.Summary.Import.Status, d.Parts)},
		Extra:  ExtraOf(d.Summary, d.Waits),
	}
	return d, nil
}

// ExtraOf returns the extra fields of an import that importstore.Store.Details has read.
func ExtraOf(s importstore.Summary, w Waits) Extra {
	return Extra{
		WaitingFor: w.Imports, ReviewExpiresAt: w.Expires, Summary: s.Data, SupersededDays: SupersededDays(s),
	}
}

// SupersededDays are the imported days of a completed import that native data serve since the site's first event,
// which came after the import was planned.
func SupersededDays(s importstore.Summary) calendar.Set {
	first := importstore.NativeStart(importstore.Site{NativeStart: s.NativeStart, FirstEvent: s.FirstEvent})
	if first == nil || s.Import.Status != importstore.StatusCompleted {
		return nil
	}
	return s.Import.Days.Both(calendar.NewSet(calendar.Range{First: *first, Last: calendar.MaxDay}))
}

// Waits is what an import waits for, as recorded outside its own row.
type Waits struct {
	// Imports block its locks.
	Imports []Blocking
	// Expires is when its undecided review expires.
	Expires *time.Time
	// Importer says that no live worker has the importer, "" if one has.
	Importer string
}

// WaitsOf reads what an import waits for.
func WaitsOf(ctx context.Context, s *importstore.Store, workers store.Workers, i importstore.Import) (Waits, error) {
	w := Waits{Importer: NoImporter(workers, i)}
	switch i.Phase {
	case importstore.PhaseLocking:
		others, err := s.BlockedBy(ctx, i.ID)
		if err != nil {
			return w, fmt.Errorf("read the imports that block import %d: %w", i.ID, err)
		}
		for _, o := range others {
			w.Imports = append(w.Imports, Blocking{ImportID: o.ImportID, Resource: o.Resource})
		}
	case importstore.PhaseInReview:
		review, err := s.ReviewOf(ctx, i.ID)
		if err != nil {
			return w, fmt.Errorf("read the review of import %d: %w", i.ID, err)
		}
		if review.Decision == nil {
			w.Expires = &review.ExpiresAt
		}
	}
	return w, nil
}
