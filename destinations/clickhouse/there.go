package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/destinations"
)

// idsPerQuery bounds a statement: servers read at most 256 KiB of one (max_query_size).
const idsPerQuery = 2000

// there returns which of the rows the table has, by the IDs of their jobs.
func (s *server) there(ctx context.Context, to target, rows []queued) (map[string]bool, error) {
	known := make(map[string]bool, len(rows))
	column := quote(to.idColumn)
	for begin := 0; begin < len(rows); begin += idsPerQuery {
		var asked []string
		for _, row := range rows[begin:min(begin+idsPerQuery, len(rows))] {
			asked = append(asked, "'"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(row.id)+"'")
		}
		var found []struct {
			ID string `json:"id"`
		}
		// The IDs are in the statement, which is sent as the body: as parameters they would make
		// the address too long.
		if _, err := s.query(ctx, "SELECT DISTINCT toString("+column+") AS id FROM "+quoteTable(to.table)+" WHERE "+column+
			" IN ("+strings.Join(asked, ", ")+") FORMAT JSON", &found); err != nil {
			return nil, err
		}
		for _, row := range found {
			known[row.ID] = true
		}
	}
	return known, nil
}

// part parts rows by whether they are known.
func part(rows []queued, known map[string]bool) (there []string, missing []queued) {
	for _, row := range rows {
		if known[row.id] {
			there = append(there, row.id)
		} else {
			missing = append(missing, row)
		}
	}
	return there, missing
}

// confirm finds out which rows of an INSERT are in the table, where its answer does not prove
// it: ClickHouse counts rows of a repetition that it has recognised as written.
func (r *run) confirm(ctx context.Context, rows []queued, cause error) {
	known, err := r.server.there(ctx, r.to, rows)
	if err != nil {
		r.unknown(rows, fmt.Errorf("look for the rows in the table: %w", err))
		return
	}
	there, missing := part(rows, known)
	r.accept(there)
	if cause == nil {
		cause = errors.New("ClickHouse recognised a repetition")
	}
	r.unknown(missing, destinations.WithClass(destinations.ErrorClassJob,
		fmt.Errorf("%w, and the table does not have this one", cause)))
}

// missing leaves out rows that are there: of those that were loaded before, or, if they were
// refused with a fault, of all.
func (r *run) missing(ctx context.Context, rows []queued, f *fault) []queued {
	var asked, rest []queued
	for _, row := range rows {
		if row.repeated || f != nil {
			asked = append(asked, row)
		} else {
			rest = append(rest, row)
		}
	}
	if len(asked) == 0 || r.over(ctx, nil) {
		return rows
	}
	known, err := r.server.there(ctx, r.to, asked)
	if err != nil {
		r.lose(rows, fmt.Errorf("look for rows that are there: %w", err))
		return nil
	}
	there, missing := part(asked, known)
	if len(there) > 0 {
		r.report(destinations.Then{Jobs: there})
		if f != nil {
			r.log.Warn("rows are in the table although ClickHouse refused them: a view of the table may lack them",
				"rows", len(there), "error", f)
		}
	}
	return append(missing, rest...)
}

// without leaves out rows that are there although they were refused: what fails behind the
// table, such as a materialized view, may leave them in it.
func (r *run) without(ctx context.Context, rows []queued, f *fault) []queued {
	if f.reading {
		return rows
	}
	return r.missing(ctx, rows, f)
}

func repeated(rows []queued) bool {
	return slices.ContainsFunc(rows, func(row queued) bool { return row.repeated })
}
