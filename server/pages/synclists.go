package pages

import (
	"net/url"
	"strconv"

	"github.com/sluicehq/sluice/server/api"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// syncRuns is the page of the runs of a sync, syncRejects that of its rejected records, and syncHeld that of the
// records that are held as opted out.
type (
	syncRuns struct {
		List[syncclient.SyncRun]
		Name string
	}
	syncRejects struct {
		List[syncclient.RejectedRecord]
		Name string
	}
	syncHeld struct {
		List[syncclient.HeldRecord]
		Name string
	}
)

// Filters of the runs of a sync and of its rejected records.
var (
	syncRunFilters    = []string{"status", "kind"}
	syncRejectFilters = []string{"text", "stage", "state"}
)

// heldQuery returns the filters of held records as parameters of the API.
func heldQuery(v *visit) (url.Values, error) {
	return v.filters([]string{"after"}, "held_after", "held_before")
}

func (p *Pages) syncRunsPage(v *visit) (any, error) {
	list, err := getPage[syncclient.SyncRun](v, syncPath(v)+"/runs", syncRunFilters...)
	return syncRuns{List: list, Name: v.r.PathValue("sync")}, err
}

func (p *Pages) syncRejectsPage(v *visit) (any, error) {
	list, err := getPage[syncclient.RejectedRecord](v, syncPath(v)+"/rejects", syncRejectFilters...)
	return syncRejects{List: list, Name: v.r.PathValue("sync")}, err
}

func (p *Pages) syncHeldPage(v *visit) (any, error) {
	query, err := heldQuery(v)
	if err != nil {
		return nil, err
	}
	list, err := get[List[syncclient.HeldRecord]](v, syncPath(v)+"/held", query)
	return syncHeld{List: list, Name: v.r.PathValue("sync")}, err
}

// retriedRecords returns the records of the form, nil for all.
func retriedRecords(v *visit) (*api.RetryRecords, error) {
	text := v.r.PostForm.Get("id")
	if text == "" {
		return nil, nil //nolint:nilnil // documented above
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, invalid("id", "want the ID of a record")
	}
	return &api.RetryRecords{IDs: []int64{id}}, nil
}
