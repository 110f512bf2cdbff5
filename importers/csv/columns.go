package csv

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/importers/csv/record"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// column is the destination of a column's values.
type column struct {
	name string
	// index is the position in the table, -1 for a skipped column.
	index int
	// kind is 0 for a skipped column.
	kind schema.Kind
	// nameless columns have no name and must have no values.
	nameless bool
}

// header describes the first line of a file.
type header struct {
	columns []column
	// named is the number of columns up to the last one with a name. Rows may end there:
	// spreadsheets omit the delimiters of empty cells.
	named int
	// obsolete and unknown are the names of skipped columns.
	obsolete, unknown []string
}

// obsolete are columns of exports of earlier Plausible versions, by table, that no imported table
// has today: https://github.com/plausible/analytics, pull requests 4051 (exits, time_on_page, until
// spring 2024) and 4915 (scroll_depth, pageleave_visitors, until 2025). Exits of pages have a
// column and are loaded.
var obsolete = map[*schema.Table][]string{
	schema.Pages: {"time_on_page", "active_visitors", "scroll_depth", "pageleave_visitors"},
}

// dashboardColumns are columns of Plausible's dashboard export only. In that export familiar names
// have another meaning: visit_duration is an average.
var dashboardColumns = []string{"bounce_rate", "views_per_visit", "conversion_rate"}

// headerFault is an error in one field of a header.
type headerFault struct {
	field int
	text  string
}

// normalName returns a column's name as tables write it: lower case, without blanks around and
// within.
func normalName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.TrimPrefix(name, "\ufeff")), "_"))
}

// matchColumns finds the header's columns in the table. Columns may be in any order, and all but
// the date are optional. Obsolete columns are skipped. Unknown columns are an error unless leaveOut
// is set, because their values would be lost. A duplicate column is an error.
func matchColumns(scan *record.Scanner, table *schema.Table, leaveOut bool) (header, []headerFault) {
	var h header
	var faults []headerFault
	fault := func(field int, format string, args ...any) {
		faults = append(faults, headerFault{field, fmt.Sprintf(format, args...)})
	}
	quoted := quoting(scan)
	for i := range scan.Len() {
		written := string(scan.Field(i))
		name := normalName(written)
		index := table.Index(name)
		col := column{name: name, index: index}
		switch {
		case looksLikeDate(scan.Field(i)):
			return header{}, []headerFault{{i, "the header is missing: the first line contains data"}}
		case name == "":
			col.nameless = true
		case slices.Contains(dashboardColumns, name):
			shown := inbound.Cut(name, maxSuggest)
			return header{}, []headerFault{{i, fmt.Sprintf("the column %q is one of %s", shown, dashboardExport)}}
		case slices.ContainsFunc(h.columns, func(c column) bool { return c.name == name }):
			fault(i, "column %s is a duplicate", quoted(i, name))
		case index >= 0:
			col.kind = table.Columns[index].Kind
		case slices.Contains(obsolete[table], name):
			h.obsolete = append(h.obsolete, name)
		case leaveOut:
			h.unknown = append(h.unknown, inbound.Cut(name, maxSuggest))
		default:
			fault(i, "unknown column %s%s%s", quoted(i, written), didYouMean(name, table.ColumnNames()), wayWithout)
		}
		h.columns = append(h.columns, col)
		if !col.nameless {
			h.named = i + 1
		}
		if len(faults) == maxHeaderFaults {
			break
		}
	}
	for i, c := range h.columns[:h.named] {
		if c.nameless && len(faults) < maxHeaderFaults {
			fault(i, "column %d has no name, but later columns have one", i+1)
		}
	}
	hasDate := slices.ContainsFunc(h.columns, func(c column) bool { return c.name == dateColumn })
	if !hasDate && len(faults) < maxHeaderFaults {
		fault(0, "the required column %q is missing", dateColumn)
	}
	return h, faults
}

// wayWithout is the remedy for unwanted columns.
const wayWithout = `; --args '{"leave_out_unknown_columns": true}' skips it`

// maxHeaderFaults is the maximum number of reported faults of one header.
const maxHeaderFaults = 10

// warnings reports the skipped columns of a file; shown is its path.
func (h header) warnings(shown string) []string {
	var all []string
	if len(h.obsolete) > 0 {
		all = append(all, fmt.Sprintf("%s: skipped columns of an earlier Plausible version, which no imported table has: %s",
			shown, list(h.obsolete)))
	}
	if len(h.unknown) > 0 {
		all = append(all, fmt.Sprintf("%s: skipped unknown columns, as requested: %s", shown, list(h.unknown)))
	}
	return all
}

// maxListed is the maximum number of names in a warning.
const maxListed = 20

// list joins names, at most maxListed of them.
func list(names []string) string {
	more := ""
	if len(names) > maxListed {
		more, names = fmt.Sprintf(" and %d more", len(names)-maxListed), names[:maxListed]
	}
	return strings.Join(names, ", ") + more
}

// quoting returns the function that names a column in a fault: by its name if the line has a date
// column and is thus the header of an export, otherwise by its number, because the line may be the
// first one of a file with passwords.
func quoting(scan *record.Scanner) func(field int, name string) string {
	for i := range scan.Len() {
		if normalName(string(scan.Field(i))) == dateColumn {
			return func(_ int, name string) string { return strconv.Quote(inbound.Cut(name, maxSuggest)) }
		}
	}
	return func(field int, _ string) string { return strconv.Itoa(field + 1) }
}
