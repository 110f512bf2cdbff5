package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/store"
)

// shownJSON is an import as `sluice import show` tells programs of it. Fields are only
// ever added; those about a wait are there only while it waits.
type shownJSON struct {
	importJSON
	// WaitingFor are up to five imports that have what it is to lock.
	WaitingFor []waitingForJSON `json:"waiting_for,omitempty"`
	// ReviewExpiresAt is when it is declined unless somebody decides about it.
	ReviewExpiresAt *time.Time `json:"review_expires_at,omitempty"`
	// Summary is what the importer has summed up for reviewers.
	Summary json.RawMessage `json:"summary,omitempty"`
}

// waitingForJSON is an import that another one waits for, and the resource of both.
type waitingForJSON struct {
	ImportID int64  `json:"import_id"`
	Resource string `json:"resource"`
}

// waits is what an import waits for, as far as other tables tell.
type waits struct {
	imports []waitingForJSON
	expires *time.Time
}

func waitsOf(ctx context.Context, s *store.Store, i store.Import) (waits, error) {
	var w waits
	switch i.Phase {
	case store.PhaseLocking:
		others, err := s.InTheWay(ctx, i.ID)
		if err != nil {
			return w, fmt.Errorf("find what import %d waits for: %w", i.ID, err)
		}
		for _, o := range others {
			w.imports = append(w.imports, waitingForJSON{ImportID: o.ImportID, Resource: o.Resource})
		}
	case store.PhaseInReview:
		review, err := s.ReviewOf(ctx, i.ID)
		if err != nil {
			return w, fmt.Errorf("read the review of import %d: %w", i.ID, err)
		}
		if review.Decision == nil {
			w.expires = &review.ExpiresAt
		}
	}
	return w, nil
}

// line says what the import waits for, and how to let it go on; "" if it does not wait.
func (w waits) line(i store.Import) string {
	switch {
	case store.Ended(i.Status):
		return ""
	case i.Paused:
		return fmt.Sprintf("for `sluice import resume %d`; `sluice import logs %d` tells who has paused it", i.ID, i.ID)
	case i.Status == store.StatusParked:
		return fmt.Sprintf("for `sluice import retry-part %d PART` or `sluice import skip-part %d PART --reason WHY` "+
			"for each parked part, or `sluice import cancel %d`", i.ID, i.ID, i.ID)
	case w.expires != nil:
		return fmt.Sprintf("until %s for a decision: accept or decline with `sluice review accept %d` or "+
			"`sluice review decline %d --reason WHY`", when(w.expires), i.ID, i.ID)
	case i.WaitUntil != nil:
		return fmt.Sprintf("until %s: %s", when(i.WaitUntil), i.WaitReason)
	case len(w.imports) > 0:
		list := make([]string, len(w.imports))
		for n, o := range w.imports {
			list[n] = fmt.Sprintf("import %d (%s)", o.ImportID, o.Resource)
		}
		return "for " + strings.Join(list, ", ")
	case i.Phase == store.PhaseLocking:
		return "for a place: as many imports run as may"
	case i.Phase == store.PhaseQueued:
		return "for a worker"
	default:
		return ""
	}
}

// partText is a part's status for people: a part that was given up with its import, and
// did not fail itself, is pending for ever.
func partText(p store.Part) string {
	switch {
	case p.Status != store.PartWaiting || p.FinishedAt == nil:
		return p.Status
	case p.StartedAt != nil:
		return "interrupted"
	default:
		return "not begun"
	}
}
