package pages

import (
	"net/url"
	"strconv"

	"github.com/sluicehq/sluice/server/api"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// syncList is the page of a list of a sync: its runs, its rejected records, or those that are held as opted out.
type syncList[T any] struct {
	List[T]
	Name string
}

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
	return syncList[syncclient.SyncRun]{List: list, Name: v.r.PathValue("sync")}, err
}

func (p *Pages) syncRejectsPage(v *visit) (any, error) {
	list, err := getPage[syncclient.RejectedRecord](v, syncPath(v)+"/rejects", syncRejectFilters...)
	return syncList[syncclient.RejectedRecord]{List: list, Name: v.r.PathValue("sync")}, err
}

func (p *Pages) syncHeldPage(v *visit) (any, error) {
	query, err := heldQuery(v)
	if err != nil {
		return nil, err
	}
	list, err := get[List[syncclient.HeldRecord]](v, syncPath(v)+"/held", query)
	return syncList[syncclient.HeldRecord]{List: list, Name: v.r.PathValue("sync")}, err
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
