package dispatch_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/activities/importtest"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// The end and the rows of an import become events once, whichever request of their dispatch meets an outage.
func TestOutagesOfDispatch(t *testing.T) {
	t.Parallel()
	o := importtest.SetupOutages(t)
	b := &bundle{o.Bundle}
	h, a := b.dispatcher()
	a.unfit = func(key string) error {
		if key == "import/1/0/end" || key == "import/1/0/imported_visitors/0/0/3" {
			return errors.New("it is unfit")
		}
		return nil
	}
	b.apply(t, "flows:\n  - name: a\n    from: {import: \"*\", records: true}"+to)
	ref := b.Loaded(t, `{"rows": 25, "parts": 2}`)
	b.Run(t, b.Publish, ref, nil)
	end := importing.Outcome{
		ImportID: ref.ImportID, Site: b.Site.Domain, Importer: "noop", Status: importstore.StatusCompleted,
		FinishedAt: time.Now(), PartResult: importing.PartResult{RowsRead: 25, RowsLoaded: 25},
	}
	for _, outage := range []*enginetest.Outage{&o.OfStore.Outage, &o.OfWarehouse.Outage} {
		b.Meet(t, outage, h.DispatchRows, dispatch.PageRequest{Outcome: end, Tell: 10})
		b.Meet(t, outage, h.DispatchEnd, end)
	}
	require.Len(t, a.keys, 24)
	require.Equal(t, []string{
		"info: Importing 2021-01-01..2021-01-31.",
		"warn: Row 0/0/3 (part/chunk/row) of imported_visitors could not be dispatched: it is unfit.",
		"warn: How it has ended could not be dispatched: it is unfit.",
	}, b.Log(t, ref))
}
