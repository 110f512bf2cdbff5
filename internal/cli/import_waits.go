package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// shownJSON is the JSON form of `sluice import show`. Fields are only ever added. Fields about a wait
// are present only during the wait.
type shownJSON struct {
	importJSON
	// WaitingFor lists up to five imports that block its locks.
	WaitingFor []waitingForJSON `json:"waiting_for,omitempty"`
	// ReviewExpiresAt is when an undecided review declines the import.
	ReviewExpiresAt *time.Time `json:"review_expires_at,omitempty"`
	// Summary is the importer's summary for reviewers.
	Summary json.RawMessage `json:"summary,omitempty"`
	// SupersededDays are imported days that native data serve instead.
	SupersededDays calendar.Set `json:"superseded_days,omitempty"`
}

// waitingForJSON is a blocking import and the contended resource.
type waitingForJSON struct {
	ImportID int64  `json:"import_id"`
	Resource string `json:"resource"`
}

// waits is what an import waits for, as recorded outside its own row.
type waits struct {
	imports []waitingForJSON
	expires *time.Time
	// importer says that no live worker has the importer, "" if one has.
	importer string
}

func waitsOf(ctx context.Context, s *dispatchstore.Store, workers store.Workers, i importstore.Import) (waits, error) {
	w := waits{importer: noImporter(workers, i)}
	switch i.Phase {
	case importstore.PhaseLocking:
		others, err := s.Imports.BlockedBy(ctx, i.ID)
		if err != nil {
			return w, fmt.Errorf("read the imports that block import %d: %w", i.ID, err)
		}
		for _, o := range others {
			w.imports = append(w.imports, waitingForJSON{ImportID: o.ImportID, Resource: o.Resource})
		}
	case importstore.PhaseInReview:
		review, err := s.Imports.ReviewOf(ctx, i.ID)
		if err != nil {
			return w, fmt.Errorf("read the review of import %d: %w", i.ID, err)
		}
		if review.Decision == nil {
			w.expires = &review.ExpiresAt
		}
	}
	return w, nil
}

// line describes what the import waits for and the command that ends the wait; "" if it does not
// wait.
func (w waits) line(i importstore.Import) string {
	switch {
	case importstore.Ended(i.Status):
		return ""
	case i.Paused:
		return fmt.Sprintf("for `sluice import resume %d`; see who paused it with `sluice import logs %d`", i.ID, i.ID)
	case w.importer != "":
		return fmt.Sprintf("%s: %s", i.Status, w.importer)
	case i.Status == importstore.StatusParked:
		return fmt.Sprintf("for `sluice import retry-part %d PART` or `sluice import skip-part %d PART --reason TEXT` "+
			"for each parked part, or `sluice import cancel %d`", i.ID, i.ID, i.ID)
	case w.expires != nil:
		return fmt.Sprintf("for a review until %s: `sluice review accept %d` or "+
			"`sluice review decline %d --reason TEXT`", when(w.expires), i.ID, i.ID)
	case i.WaitUntil != nil:
		return fmt.Sprintf("until %s: %s", when(i.WaitUntil), i.WaitReason)
	case len(w.imports) > 0:
		list := make([]string, len(w.imports))
		for n, o := range w.imports {
			list[n] = fmt.Sprintf("import %d (%s)", o.ImportID, o.Resource)
		}
		return "for " + strings.Join(list, ", ")
	case i.Phase == importstore.PhaseLocking:
		return "for a slot: the limit of running imports is reached"
	case i.Phase == importstore.PhaseQueued:
		return "for a worker"
	default:
		return ""
	}
}

// partText is the shown status of a part. A part that ended with its import, without a fault of its
// own, keeps the status pending.
func partText(p importstore.Part) string {
	switch {
	case p.Status != importstore.PartWaiting || p.FinishedAt == nil:
		return p.Status
	case p.StartedAt != nil:
		return "interrupted"
	default:
		return "not started"
	}
}
