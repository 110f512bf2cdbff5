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

// column says where the values of a file's column go.
type column struct {
	name string
	// index is the position in the table, or -1 for a column that is left out.
	index int
	// kind is 0 for a column that is left out.
	kind schema.Kind
	// nameless columns have no name and must have no values.
	nameless bool
}

// header is what the first line of a file says.
type header struct {
	columns []column
	// named is how many columns there are up to the last one with a name. Rows may end
	// there: spreadsheets leave out delimiters of empty cells.
	named int
	// obsolete and unknown are the names of columns that are left out.
	obsolete, unknown []string
}

// obsolete are columns of exports of earlier Plausible versions, by table, that no
// imported table has any more: https://github.com/plausible/analytics, pull requests 4051
// (exits, time_on_page, until spring 2024) and 4915 (scroll_depth, pageleave_visitors,
// until 2025). Exits of pages have a column and are loaded.
var obsolete = map[*schema.Table][]string{
	schema.Pages: {"time_on_page", "active_visitors", "scroll_depth", "pageleave_visitors"},
}

// dashboardColumns are columns that only Plausible's dashboard export has. Beside them,
// familiar names mean something else: visit_duration is an average there.
var dashboardColumns = []string{"bounce_rate", "views_per_visit", "conversion_rate"}

// headerFault is what is wrong with one field of a header.
type headerFault struct {
	field int
	text  string
}

// normalName is a column's name as tables write it: spreadsheets and people change case
// and put blanks around and within.
func normalName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.TrimPrefix(name, "\ufeff")), "_"))
}

// matchColumns finds the header's columns in the table. Columns may come in any order,
// and any but the date may be missing. Obsolete ones are left out, unknown ones only if
// leaveOut says so, since whoever wrote them meant something that would be lost; a column
// that comes twice is refused.
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
			return header{}, []headerFault{{i, "there is no header: the first line holds data"}}
		case name == "":
			col.nameless = true
		case slices.Contains(dashboardColumns, name):
			shown := inbound.Cut(name, maxSuggest)
			return header{}, []headerFault{{i, fmt.Sprintf("the column %q is one of %s", shown, dashboardExport)}}
		case slices.ContainsFunc(h.columns, func(c column) bool { return c.name == name }):
			fault(i, "column %s comes twice", quoted(i, name))
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
			fault(i, "column %d has no name, and columns with a name follow", i+1)
		}
	}
	hasDate := slices.ContainsFunc(h.columns, func(c column) bool { return c.name == dateColumn })
	if !hasDate && len(faults) < maxHeaderFaults {
		fault(0, "the required column %q is missing", dateColumn)
	}
	return h, faults
}

// wayWithout is what to do about columns that are not wanted.
const wayWithout = `; --args '{"leave_out_unknown_columns": true}' leaves it out`

// maxHeaderFaults is how many faults of one header are told.
const maxHeaderFaults = 10

// warnings says which columns of a file are left out; shown is its path.
func (h header) warnings(shown string) []string {
	var all []string
	if len(h.obsolete) > 0 {
		all = append(all, fmt.Sprintf("%s: left out columns of an earlier Plausible version, which no imported table has: %s",
			shown, list(h.obsolete)))
	}
	if len(h.unknown) > 0 {
		all = append(all, fmt.Sprintf("%s: left out unknown columns, as asked for: %s", shown, list(h.unknown)))
	}
	return all
}

// maxListed is how many names a warning lists.
const maxListed = 20

// list writes names, at most maxListed of them.
func list(names []string) string {
	more := ""
	if len(names) > maxListed {
		more, names = fmt.Sprintf(" and %d more", len(names)-maxListed), names[:maxListed]
	}
	return strings.Join(names, ", ") + more
}

// quoting returns how a column is named in a fault: by its name if the line is the header of an
// export, which has a date, and by its number if it may be anything, such as the first line of a
// file with passwords.
func quoting(scan *record.Scanner) func(field int, name string) string {
	for i := range scan.Len() {
		if normalName(string(scan.Field(i))) == dateColumn {
			return func(_ int, name string) string { return strconv.Quote(inbound.Cut(name, maxSuggest)) }
		}
	}
	return func(field int, _ string) string { return strconv.Itoa(field + 1) }
}
