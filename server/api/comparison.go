package api

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/calendar"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/history"
)

// comparedAround is the number of days before and after those of an import that its comparison shows.
const comparedAround = 31

func (a *API) compareImport(ctx context.Context, in *ImportPath) (*output[history.Comparison], error) {
	imp, err := a.cfg.Starter.Store.Imports.Import(ctx, in.Import)
	if err != nil {
		return nil, err
	}
	reader := &history.Reader{Warehouse: a.cfg.Warehouse}
	compared, err := reader.Compare(ctx, history.ComparisonQuery{
		SiteID: uint64(imp.SiteID), ImportID: uint64(imp.ID), Days: comparedDays(imp),
	})
	if errors.Is(err, history.ErrTooLarge) {
		return nil, newProblem(problemInvalid, err.Error())
	}
	return answer(compared, err)
}

// comparedDays returns the days of an import and those around them, the last ones of more than history.MaxDays. An
// import that is not planned yet has the first day that there is.
func comparedDays(imp importstore.Import) calendar.Range {
	if len(imp.Days) == 0 {
		return calendar.Range{First: calendar.MinDay, Last: calendar.MinDay}
	}
	last := min(imp.Days[len(imp.Days)-1].Last+comparedAround, calendar.MaxDay)
	first := max(imp.Days[0].First-comparedAround, calendar.MinDay, last-history.MaxDays+1)
	return calendar.Range{First: first, Last: last}
}
