package api

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/ingest/refdata"
)

// refdata adds the operation on the reference data of the ingestion.
func (a *API) refdata() {
	register(a, operation{
		id: "show-refdata", method: http.MethodGet, path: "/ingestion/refdata", tag: "ingestion",
		summary: "Show the reference data of the server: bots, locations, sources", need: access.PermissionRead,
		reach: reachAll,
		description: "Each server has its own files. What is missing or damaged has its consequence for events, and what " +
			"to do about it.",
	}, a.showRefdata)
}

// RefdataList is the reference data of a server.
type RefdataList struct {
	Items []refdata.DataStatus `json:"items"`
}

func (a *API) showRefdata(context.Context, *struct{}) (*output[RefdataList], error) {
	data := a.cfg.Refdata()
	if data == nil {
		return nil, newProblem(problemUnavailable, "The server has no reference data yet: try again.")
	}
	return answer(RefdataList{data.Status().Data}, nil)
}
