package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/clickhouse/column"
	"github.com/sluicehq/sluice/internal/inbound"
)

// table is what a table can take.
type table struct {
	columns map[string]columnOf
	// zone is the server's time zone, nil if it is not known.
	zone *time.Location
	// freeForm says that a column takes values without a type of their own, tuples that one has
	// elements with names.
	freeForm, tuples bool
}

type columnOf struct {
	column.Type
	// computed says that the table computes the column: no row can fill it.
	computed bool
	// text is the type as the engine writes it.
	text string
}

// describe asks for a table's columns.
func (s *server) describe(ctx context.Context, name string) (table, error) {
	var rows []struct {
		Name        string `json:"name"`
		Type        string `json:"type"`
		DefaultType string `json:"default_type"`
	}
	a, err := s.query(ctx, "DESCRIBE TABLE "+quoteTable(name)+" FORMAT JSON", &rows)
	if err != nil {
		return table{}, err
	}
	t := table{columns: make(map[string]columnOf, len(rows))}
	if zone, err := time.LoadLocation(a.zone); err == nil && a.zone != "" {
		t.zone = zone
	}
	for _, row := range rows {
		typ, err := column.Parse(row.Type)
		if err != nil {
			return table{}, fmt.Errorf("column %q: %w", row.Name, err)
		}
		t.freeForm = t.freeForm || freeForm(row.Type)
		t.tuples = t.tuples || strings.Contains(row.Type, "Tuple") || strings.Contains(row.Type, "Nested")
		t.columns[row.Name] = columnOf{
			typ, slices.Contains([]string{"MATERIALIZED", "ALIAS", "EPHEMERAL"}, row.DefaultType), row.Type,
		}
	}
	return t, nil
}

// freeForm says whether a type has values whose types the engine guesses.
func freeForm(typ string) bool {
	return strings.Contains(typ, "JSON") || strings.Contains(typ, "Dynamic") || strings.Contains(typ, "Variant")
}

// maxFaults is the maximum number of reported faults of a row.
const maxFaults = 5

// check returns why a row does not go into the table. operator is about columns that the table
// lacks, and own about values.
func (t table) check(r map[string]json.RawMessage, names []string) (own, operator error) {
	var faults []error
	var missing []string
	for _, name := range names {
		c, known := t.columns[name]
		switch {
		case !known || c.computed:
			missing = append(missing, strconv.Quote(inbound.Cut(name, maxShownName)))
		default:
			if err := c.Check(r[name], t.zone); err != nil {
				faults = append(faults, fmt.Errorf("column %q: %w", inbound.Cut(name, maxShownName), err))
			}
		}
	}
	if more := len(faults) - maxFaults; more > 0 {
		faults = append(faults[:maxFaults], fmt.Errorf("and %d more", more))
	}
	if err := destinations.Join(faults...); err != nil {
		own = fmt.Errorf("the row does not fit the table: %w", err)
	}
	if len(missing) > 0 {
		more := ""
		if n := len(missing) - maxFaults; n > 0 {
			missing, more = missing[:maxFaults], fmt.Sprintf(" and %d more", n)
		}
		operator = fmt.Errorf("no column %s%s that a row can fill: add it to the table, or leave it out of the row",
			strings.Join(missing, ", "), more)
	}
	return own, operator
}

// checkID returns why the column of the job's ID cannot take the IDs.
func (t table) checkID(name, id string) error {
	c, known := t.columns[name]
	switch {
	case !known || c.computed:
		return fmt.Errorf(`the table has no column %q for the job's ID: add it as a String, or name one by "id_column"`, name)
	case c.Check(json.RawMessage(strconv.Quote(id)), t.zone) != nil:
		return fmt.Errorf(`the column %q cannot take the job's ID: want the type String`, name)
	default:
		return nil
	}
}

// maxShownName bounds a name in an error, in bytes of JSON.
const maxShownName = 128
