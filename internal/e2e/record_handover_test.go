package e2e

import (
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// dispatch runs an import whose end and rows are dispatched, two pages of them, and returns
// the history of the import or of the dispatch.
func (r recorder) dispatch(child bool) *historypb.History {
	r.t.Helper()
	h := setupHanding(r.t, `flows:
  - name: ends
    from: {import: noop}
    to: [{destination: crm, action: post}]
  - name: rows
    from: {import: noop, records: true}
    when: data.row.visitors % 100 == 1
    to: [{destination: crm, action: post, data: {fail: 'data.row.visitors == 101 ? int(data.table) : 0'}}]
`)
	request := h.noopRequest(site, `{"rows": 2300, "parts": 2}`)
	request.Settings.ChunkRows = 700
	imp := h.System.Start(r.t, request)
	h.end(imp, importstore.StatusCompleted)
	counts := h.dispatched(imp, 0)
	require.EqualValues(r.t, 2300, counts.Rows)
	require.EqualValues(r.t, 23, counts.Jobs)
	require.EqualValues(r.t, 1, counts.Unfit)
	if child {
		return h.History(r.t, workflows.DispatchID(site, imp.ID, 0), "")
	}
	return h.History(r.t, imp.WorkflowID, "")
}
