package cli

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/importview"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// waitLine describes what the import waits for and the command that ends the wait; "" if it does not
// wait.
func waitLine(w importview.Waits, i importstore.Import) string {
	switch {
	case importstore.Ended(i.Status):
		return ""
	case i.Paused:
		return fmt.Sprintf("for `sluice import resume %d`; see who paused it with `sluice import logs %d`", i.ID, i.ID)
	case w.Importer != "":
		return fmt.Sprintf("%s: %s", i.Status, w.Importer)
	case i.Status == importstore.StatusParked:
		return fmt.Sprintf("for `sluice import retry-part %d PART` or `sluice import skip-part %d PART --reason TEXT` "+
			"for each parked part, or `sluice import cancel %d`", i.ID, i.ID, i.ID)
	case w.Expires != nil:
		return fmt.Sprintf("for a review until %s: `sluice review accept %d` or "+
			"`sluice review decline %d --reason TEXT`", when(w.Expires), i.ID, i.ID)
	case i.WaitUntil != nil:
		return fmt.Sprintf("until %s: %s", when(i.WaitUntil), i.WaitReason)
	case len(w.Imports) > 0:
		list := make([]string, len(w.Imports))
		for n, o := range w.Imports {
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
