package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"math/rand/v2"

	"github.com/sluicehq/sluice/destinations"
)

// run is the load of the rows of one table. A batch that ClickHouse refuses is halved, whatever
// the error: the rows that cause it are found, and the others go in. If no row of the table is
// accepted, the error is the table's or the connection's, and no row is discarded for it.
type run struct {
	to     target
	server *server
	table  table
	report func(destinations.Then)
	log    *slog.Logger

	// accepted says that a row was accepted.
	accepted bool
	// refusals counts the refusals that name no row, budget how many there may be before the
	// first row is accepted.
	refusals, budget int
	// alone are rows that were refused alone.
	alone []refused
	// warned says that the log has it that no row was accepted.
	warned bool
	// lost is why the connection cannot be used any more.
	lost error
}

type refused struct {
	row   queued
	fault *fault
}

// insertAll inserts rows, and halves them where they are refused.
func (r *run) insertAll(ctx context.Context, rows []queued) {
	// Two requests for each halving, and some more.
	r.budget = r.refusals + 2*bits.Len(uint(len(rows))) + 3
	if f := r.try(ctx, rows); f != nil {
		r.halve(ctx, rows, f)
	}
}

// try inserts rows, and reports how it went unless they are refused.
func (r *run) try(ctx context.Context, rows []queued) *fault {
	if len(rows) == 0 || r.over(ctx, rows) {
		return nil
	}
	err := r.insertOnce(ctx, rows)
	var f *fault
	switch {
	case errors.As(err, &f) && f.code != 0:
		if !f.namesRow {
			r.refusals++
		}
		return f
	case err == nil && !repeated(rows):
		r.accept(ids(rows))
	case err == nil, errors.Is(err, errShort), errors.Is(err, errUnreadable):
		r.confirm(ctx, rows, err)
	default:
		r.lose(rows, err)
	}
	return nil
}

// halve finds the rows of a refused batch that cause the error.
func (r *run) halve(ctx context.Context, rows []queued, f *fault) {
	if len(rows) == 1 {
		r.alone = append(r.alone, refused{rows[0], f})
		return
	}
	if !r.accepted && r.refusals >= r.budget {
		r.refusedAll(rows, f)
		return
	}
	rows = r.without(ctx, rows, f)
	halves := [][]queued{rows[:len(rows)/2], rows[len(rows)/2:]}
	faults := []*fault{r.try(ctx, halves[0]), r.try(ctx, halves[1])}
	// At random, so that a load does not fail at the same rows each time.
	first := rand.IntN(2) //nolint:gosec // no secret depends on it
	for _, i := range []int{first, 1 - first} {
		if faults[i] != nil {
			r.halve(ctx, halves[i], faults[i])
		}
	}
}

// judge decides about the rows that were refused alone. A row is discarded if the error names
// it, or if it is refused once more while other rows of the table are accepted.
func (r *run) judge(ctx context.Context) {
	for _, one := range r.alone {
		f := one.fault
		rows := r.without(ctx, []queued{one.row}, f)
		ofRow := func() bool { return r.accepted && f.class() == destinations.ErrorClassJob }
		if len(rows) > 0 && !f.namesRow && ofRow() {
			if f = r.try(ctx, rows); f == nil {
				continue
			}
			rows = r.without(ctx, rows, f)
		}
		switch {
		case len(rows) == 0:
		case f.namesRow, ofRow():
			err := error(f)
			if _, known := one.row.row[f.column]; known {
				err = fmt.Errorf("column %q: %w", f.column, f)
			}
			r.report(discarded(one.row.id, fmt.Errorf("insert: %w", r.about(err))))
		case r.accepted:
			r.failed(rows, f, f)
		default:
			r.refusedAll(rows, f)
		}
	}
	r.alone = nil
}
